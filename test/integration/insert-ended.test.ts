import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { azurite, servers } from '../support/servers.ts'

const HALT_AT = 100_000
const CSV = Array.from({ length: 20_000 }, (_, i) => `${i},row number ${i}\n`).join('')

describe.each(servers)('INSERT as COPY that is ended, on PostgreSQL $version', server => {
  let storage: HaltedStorage
  let stack: CopyStack
  let insert: string
  beforeAll(async () => {
    storage = await startHaltedStorage(azurite, HALT_AT)
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    stack = await startCopyStack(server, { storageEndpoints, workers: 1 }) // which is looked into
    await stack.put('rows.csv', CSV)
    await stack.client.query('CREATE TABLE t (a int, b text)')
    insert = `INSERT INTO t SELECT * FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'rows.csv') AS r (a int, b text)`
  })
  beforeEach(() => storage.halt())
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  /** Rows have come. */
  const flowing = () =>
    expect.poll(() => stack.proxy.transfers.live.some(({ bytes }) => bytes > 0), { timeout: 10_000 }).toBe(true)
  const nothingIsLeft = async () => {
    await expect.poll(() => stack.proxy.transfers.live.length).toBe(0)
    const sql =
      "SELECT (SELECT count(*) FROM t) AS rows, count(*) AS locks FROM pg_locks WHERE relation = 't'::regclass AND pid <> pg_backend_pid()"
    await expect.poll(async () => (await stack.client.query(sql)).rows).toEqual([{ rows: '0', locks: '0' }])
  }
  const cancel = (client: pg.Client) => {
    const canceller = new pg.Client({ connectionString: stack.url() })
    const { _activeQuery } = client as unknown as { _activeQuery: unknown }
    ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(client, _activeQuery)
    return once(canceller, 'end').catch(() => {})
  }

  describe.each([
    ['by itself', '', [] as string[]],
    ['in a transaction', 'BEGIN', ['ROLLBACK']],
  ])('%s', (_, before, after) => {
    it.each([
      ['a simple query', undefined],
      ['with parameters', []],
    ])('ends at a cancel: %s', async (_, values) => {
      const outcomes = []
      for (const accelerate of ['on', 'off']) {
        const client = await stack.connect()
        await client.query(`SET blobgres.accelerate = ${accelerate}`)
        if (before) await client.query(before)
        const running = errorOf(
          client.query(values ? `${insert.replace("'rows.csv'", '$1')}` : insert, values && ['rows.csv']),
        )
        await flowing()
        await sleep(50)
        void cancel(client)
        const { code, message, where, detail } = await running
        const status = (await client.query('SELECT 1').catch(error => error.code)) === '25P02'
        for (const sql of after) await client.query(sql)
        outcomes.push({ code, message, where, detail, status })
        await nothingIsLeft()
      }
      expect(outcomes[0]).toEqual(outcomes[1])
      expect(outcomes[0]).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
    })

    it('ends at statement_timeout', async () => {
      const outcomes = []
      for (const accelerate of ['on', 'off']) {
        const client = await stack.connect()
        await client.query(`SET blobgres.accelerate = ${accelerate}`)
        await client.query("SET statement_timeout = '1s'")
        if (before) await client.query(before)
        const { code, message, where, detail } = await errorOf(client.query(insert))
        for (const sql of after) await client.query(sql)
        outcomes.push({ code, message, where, detail })
        await nothingIsLeft()
      }
      expect(outcomes[0]).toEqual(outcomes[1])
      expect(outcomes[0]).toMatchObject({ code: '57014', message: 'canceling statement due to statement timeout' })
    })

    it('ends with its connection', async () => {
      const client = await stack.connect()
      if (before) await client.query(before)
      errorOf(client.query(insert))
      await flowing()
      ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
      await nothingIsLeft()
    })

    it('ends with its backend', async () => {
      const client = await stack.connect()
      const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]
      if (before) await client.query(before)
      const running = errorOf(client.query(insert))
      await flowing()
      await stack.client.query(`SELECT pg_terminate_backend(${pid})`)
      expect((await running).code ?? 'none').toMatch(/57P01|none/)
      await nothingIsLeft()
    })
  })
})
