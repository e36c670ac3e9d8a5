import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CopyStack, withoutAcceleration } from '../support/copy-stack.ts'
import { type Relay, startLoopbackRelay } from '../support/relay.ts'
import { servers } from '../support/servers.ts'
import { STALLED_CALLS, type StalledStorage, startStalledStack } from '../support/stalled-storage.ts'
import { cancelPacket } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

describe.each(servers)('a request to cancel that comes while a function connects, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  let relay: Relay
  beforeAll(async () => {
    const started = await startLoopbackRelay()
    relay = started.relay
    ;({ storage, stack } = await startStalledStack(server, started.config))
    await withoutAcceleration(stack)
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
    await relay.close()
  })

  test.each(STALLED_CALLS)('%s', async (_, sql) => {
    const client = await WireClient.connect(stack.url())
    relay.hold()
    const running = client.query(sql)
    await expect.poll(() => relay.open).toBeGreaterThan(0) // other proxies of the server may look here too
    const canceller = await WireClient.open(stack.url())
    canceller.send(cancelPacket(client.key))
    await canceller.until('EOF')
    relay.release()
    expect(await running).toContainEqual('E ERROR 57014 canceling statement due to user request')
    expect(await client.value('SELECT 1')).toBe('1')
    await client.close()
    await expect.poll(() => relay.open).toBe(0)
  })
})
