import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { servers } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'
import { needTool } from '../support/tools.ts'
import { WireClient } from '../support/wire-client.ts'

it('a worker without a free descriptor loses clients, who know it, and nothing else', async () => {
  needTool('prlimit')
  const [server] = servers.slice(-1) as [(typeof servers)[number]]
  const stack = await startStack(server, { workers: 2 })
  const { ready } = stack.workers as NonNullable<typeof stack.workers>
  const loads = () => ready.map(({ load }) => load)
  const pid = String(ready[0]?.pid)
  const limit = (descriptors: number) => execFileSync('prlimit', ['--pid', pid, `--nofile=${descriptors}:`])
  await expect.poll(loads).toEqual([0, 0])

  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let free = 0
  while (taken.has(free)) free++
  limit(free)
  // Each in turn: the first, the third and the fifth come to the one that cannot take them.
  const clients = await Promise.all(Array.from({ length: 6 }, () => WireClient.open(stack.url())))
  for (const i of [0, 2, 4]) expect(await clients[i]?.until('EOF')).toEqual(['EOF'])

  limit(1024)
  for (let i = 0; i < 4; i++) clients.push(await WireClient.connect(stack.url()))
  expect(await clients.at(-1)?.value('SELECT 1')).toBe('1')
  for (const client of clients) await client.close()
  await expect.poll(loads).toEqual([0, 0])
  await stack.close()
})
