import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CopyStack, errorOf } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { STALLED_CALLS, type StalledStorage, startStalledStack } from '../support/stalled-storage.ts'

describe.each(servers)('SQL that ends a call to a storage that stalls, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  beforeAll(async () => {
    ;({ storage, stack } = await startStalledStack(server))
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  describe.each(STALLED_CALLS)('%s', (_, sql) => {
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
      await expect.poll(() => storage.open).toBe(0)
    })

    // At the first, dblink waits for the rest of the result, and the proxy has not heard of it.
    test('pg_cancel_backend, twice', async () => {
      const { client, pid, failure } = await start()
      await stack.client.query('SELECT pg_cancel_backend($1)', [pid])
      await sleep(100)
      await stack.client.query('SELECT pg_cancel_backend($1)', [pid])
      expect(await failure).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      await expect.poll(() => storage.open).toBe(0)
    })
  })
})
