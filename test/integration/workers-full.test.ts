import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { servers } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'
import { needTool } from '../support/tools.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

it('a worker without a free descriptor loses clients, who know it, and nothing else', async () => {
  needTool('prlimit')
  const [server] = servers.slice(-1) as [(typeof servers)[number]]
  const stack = await startStack(server, { workers: 2 })
  const { ready } = stack.workers as NonNullable<typeof stack.workers>
  const loads = () => ready.map(({ load }) => load)
  const pid = String(ready[0]?.pid)
  const limit = (descriptors: number) => execFileSync('prlimit', ['--pid', pid, `--nofile=${descriptors}:`])
  const before = await Promise.all([1, 2].map(() => WireClient.connect(stack.url())))
  await expect.poll(loads).toEqual([1, 1])

  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let free = 0
  while (taken.has(free)) free++
  limit(free)
  // How many come to the one that cannot take them hangs on how soon it has lost those before.
  const tried = await Promise.all(Array.from({ length: 6 }, () => WireClient.open(stack.url())))
  for (const client of tried) client.send(loginPacket(stack.url()))
  const outcomes = await Promise.all(tried.map(client => client.until('Z')))
  expect(outcomes).toContainEqual(['EOF'])
  const served = tried.filter((_, i) => outcomes[i]?.at(-1) !== 'EOF')
  for (const client of [...before, ...served]) expect(await client.value('SELECT 1')).toBe('1')

  limit(1024)
  const after = await Promise.all([1, 2, 3, 4].map(() => WireClient.connect(stack.url())))
  for (const client of after) expect(await client.value('SELECT 1')).toBe('1')
  for (const client of [...before, ...tried, ...after]) await client.close()
  await expect.poll(loads).toEqual([0, 0])
  await stack.close()
})
