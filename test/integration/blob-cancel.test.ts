import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CopyStack, errorOf } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { STALLED_CALLS, type StalledStorage, startStalledStack } from '../support/stalled-storage.ts'

describe.each(servers)('a storage that stalls, and the blob functions on PostgreSQL $version', server => {
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
    test("ends at the client's request to cancel, and the session goes on", async () => {
      const client = await stack.connect()
      const running = errorOf(client.query(sql))
      await sleep(400)
      const canceller = new pg.Client({ connectionString: stack.url() })
      ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
        client,
        (client as unknown as { _activeQuery?: unknown; activeQuery?: unknown })._activeQuery,
      )
      expect(await running).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })

    test('ends at statement_timeout, also of a session that does not come through the proxy', async () => {
      const direct = new pg.Client({ connectionString: stack.database.url })
      await direct.connect()
      for (const client of [await stack.connect(), direct]) {
        await client.query("SET statement_timeout = '400ms'")
        expect(await errorOf(client.query(sql))).toMatchObject({
          code: '57014',
          message: 'canceling statement due to statement timeout',
        })
      }
      await direct.end()
    })

    test('ends when its client is lost', async () => {
      const client = await stack.connect()
      const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]
      errorOf(client.query(sql))
      await sleep(400)
      ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
      const backend = (): Promise<number | null> =>
        adminQuery(server, `SELECT FROM pg_stat_activity WHERE pid = ${pid}`).then(({ rowCount }) => rowCount)
      await expect.poll(backend).toBe(0)
    })
  })
})
