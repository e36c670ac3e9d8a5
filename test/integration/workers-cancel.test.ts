import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

/** With a storage that does not answer, a statement lasts until somebody ends it. */
describe.each(servers)('A CancelRequest that gets to another worker, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  beforeAll(async () => {
    storage = await startStalledStorage()
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    stack = await startCopyStack(server, { workers: 2, storageEndpoints })
    await stack.client.query('CREATE TABLE source AS SELECT 1 AS a; CREATE TABLE log (a int)')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  it('ends what the session does, in the server, in its transfer and in its functions', async () => {
    const url = `${storage.endpointTemplate.replace('{account}', account.name)}/container/f.csv`
    const client = await WireClient.connect(stack.url())
    const own = await client.value("SELECT current_setting('azure_storage.proxy')")
    const other = stack.workers?.loopbackAddresses.find(({ port }) => !own?.endsWith(`:${port}`))
    for (const sql of [
      `COPY log FROM '${url}'`,
      `COPY source TO '${url}'; INSERT INTO log VALUES (2)`,
      `SELECT * FROM azure_storage.blob_get('${account.name}', 'container', 'f.csv') AS t (a int)`,
      `SELECT azure_storage.blob_put('${account.name}', 'container', 'f.csv', source) FROM source`,
    ]) {
      client.send(wire.query(sql))
      await vi.waitFor(() => expect(storage.open).toBe(1), { timeout: 15_000, interval: 10 })
      const canceller = await WireClient.open(`postgres://x@${other?.host}:${other?.port}/x`)
      canceller.send(cancelPacket(client.key))
      expect(await canceller.until('EOF')).toEqual(['EOF'])
      expect((await client.until('Z')).slice(-2)).toEqual([
        'E ERROR 57014 canceling statement due to user request',
        'Z I',
      ])
      await vi.waitFor(() => expect(storage.open).toBe(0), { timeout: 15_000, interval: 10 })
      // A request that the client has seen the end of does not come late.
      expect(await client.query('INSERT INTO log VALUES (1); DELETE FROM log')).toContain('C DELETE 1.')
    }
    await client.close()
  })
})
