import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom, testConfig } from '../support/stack.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const args = `'${account.name}', 'container'`

/** With a storage that does not answer, a statement lasts until somebody ends it. */
describe.each(servers)('A CancelRequest that gets to another proxy on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  let other: RunningProxy
  let client: WireClient
  beforeAll(async () => {
    storage = await startStalledStorage()
    const endpoints = { storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() } }
    stack = await startCopyStack(server, { ...endpoints, workers: 1 })
    other = await startProxy(testConfig(server, endpoints), createLogger('silent'))
    await stack.client.query('CREATE TABLE source AS SELECT 1 AS a; CREATE TABLE log (a int)')
  })
  afterAll(async () => {
    await other.close(0)
    await stack.close()
    await storage.close()
  })
  beforeEach(async () => {
    client = await WireClient.connect(stack.url())
  })
  afterEach(() => client.kill('fin'))

  const url = (): string => `${storage.endpointTemplate.replace('{account}', account.name)}/container/f.csv`
  const otherUrl = (): string => `postgres://x@${other.address.host}:${other.address.port}/x`

  async function cancelElsewhere(): Promise<void> {
    const canceller = await WireClient.open(otherUrl())
    canceller.send(cancelPacket(client.key))
    expect(await canceller.until('EOF')).toEqual(['EOF'])
  }

  it.each([
    ['an import', () => `COPY log FROM '${url()}'`],
    ['an export', () => `COPY source TO '${url()}'; INSERT INTO log VALUES (2)`],
    ['blob_list', () => `SELECT * FROM azure_storage.blob_list(${args})`],
    ['blob_get', () => `SELECT * FROM azure_storage.blob_get(${args}, 'f.csv') AS t (a int)`],
    ['blob_put', () => `SELECT azure_storage.blob_put(${args}, 'f.csv', source) FROM source`],
  ])('ends %s', async (_, sql) => {
    for (const addresses of [
      [stack.proxy, other],
      [other, stack.proxy],
    ]) {
      await callProxyFrom(server, stack.database.name, ...addresses)
      client.send(wire.query(sql()))
      await vi.waitFor(() => expect(storage.open).toBe(1), { timeout: 15_000, interval: 10 })
      await cancelElsewhere()
      const replies = await client.until('Z')
      expect(replies.slice(-2)).toEqual(['E ERROR 57014 canceling statement due to user request', 'Z I'])
      await vi.waitFor(() => expect(storage.open).toBe(0), { timeout: 15_000, interval: 10 })
      // A request that the client has seen the end of does not come late.
      expect(await client.query('INSERT INTO log VALUES (1); DELETE FROM log')).toContain('C DELETE 1.')
    }
  })
})
