import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'

const HEAD = `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "x"\r\nx-ms-blob-type: BlockBlob\r\n\r\n${'1\n'.repeat(1000)}`

describe.each(servers)('SQL that ends a call to a storage that stalls, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  beforeAll(async () => {
    storage = await startStalledStorage(HEAD)
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  const statements = {
    blob_list: `SELECT * FROM azure_storage.blob_list('${account.name}', 'box')`,
    blob_get: `SELECT * FROM azure_storage.blob_get('${account.name}', 'box', 'a.csv') AS t (a int)`,
    blob_put: `SELECT azure_storage.blob_put('${account.name}', 'box', 'a.csv', q) FROM (SELECT 1 AS a) q`,
  }

  describe.each(Object.entries(statements))('%s', (_, sql) => {
    const start = async () => {
      const client = await stack.connect()
      const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]
      const failure = errorOf(client.query(sql))
      await sleep(300)
      return { client, pid, failure }
    }

    test('pg_terminate_backend', async () => {
      const { pid, failure } = await start()
      await stack.client.query('SELECT pg_terminate_backend($1)', [pid])
      expect(await failure).toMatchObject({ code: '57P01' })
      await expect.poll(() => storage.open, { timeout: 3000 }).toBe(0)
    })

    // At the first, dblink waits for the rest of the result, and the proxy has not heard of it.
    test('pg_cancel_backend, twice', async () => {
      const { client, pid, failure } = await start()
      await stack.client.query('SELECT pg_cancel_backend($1)', [pid])
      await sleep(100)
      await stack.client.query('SELECT pg_cancel_backend($1)', [pid])
      expect(await failure).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      await expect.poll(() => storage.open, { timeout: 3000 }).toBe(0)
    })
  })
})
