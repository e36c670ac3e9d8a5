import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const STORM = 600
const AT_ONCE = 50

describe.each(servers.slice(-1))('A storm of cancel requests on PostgreSQL $version', server => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startStack(server)
  })
  afterAll(() => stack.close())

  const descriptors = async (): Promise<number> => (await readdir('/proc/self/fd')).length

  async function storm(keyOf: (i: number) => Buffer): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < STORM) {
        const client = await WireClient.open(stack.url())
        client.send(cancelPacket(keyOf(next++)))
        // Some do not wait for the end.
        if (next % 10 === 0) client.kill('reset')
        else await client.until('EOF')
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  it('with wrong keys cancels nothing, and with the right one its own session alone', async () => {
    const honest = await WireClient.connect(stack.url())
    const victim = await WireClient.connect(stack.url())
    const before = await descriptors()

    let over = false
    const watch = (async () => {
      while (!over) {
        expect(await honest.value('SELECT 1')).toBe('1')
      }
    })()
    const random = new Random(1)
    await storm(i => (i % 2 === 0 ? random.bytes(8) : Buffer.concat([victim.key.subarray(0, 4), random.bytes(4)])))
    expect(await victim.value('SELECT 2')).toBe('2')

    let raging = true
    const raged = storm(() => victim.key).finally(() => {
      raging = false
    })
    const replies: string[] = []
    while (raging) {
      victim.send(wire.query('SELECT pg_sleep(0.01)'))
      replies.push(...(await victim.until('Z')))
    }
    await raged
    over = true
    await watch
    expect(replies.filter(line => /^[EZ]/.test(line) && !/^E ERROR 57014|^Z I/.test(line))).toEqual([])
    expect(replies.some(line => /^E ERROR 57014/.test(line))).toBe(true)
    await expect.poll(descriptors).toBeLessThanOrEqual(before)
    await honest.close()
    await victim.close()
  })
})
