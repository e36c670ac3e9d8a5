import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'

/** The beginning of a blob; uploads get it as well, and wait for a proper answer. */
const HEAD = `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "x"\r\nx-ms-blob-type: BlockBlob\r\n\r\n${'1\n'.repeat(1000)}`

describe.each(servers)('a storage that stalls, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  let url: string
  beforeAll(async () => {
    storage = await startStalledStorage(HEAD)
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    url = `${storage.endpointTemplate.replace('{account}', account.name)}/box/a.csv`
    await stack.client.query('CREATE TABLE t (a int); CREATE VIEW big AS SELECT generate_series(1, 10000000) AS a')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  const pidOf = async (client: pg.Client) =>
    (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number
  const alive = async (client: pg.Client) => {
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
  }

  describe.concurrent.each([
    ['a download', () => `COPY t FROM '${url}'`],
    ['an upload, of a few rows', () => `COPY t TO '${url}'`],
    ['an upload, of many rows', () => `COPY big TO '${url}'`],
  ])('%s', (_, statement) => {
    it.each([false, true])('is cancelled by pg_cancel_backend (prepared: %s)', async prepared => {
      if (statement().includes('big')) return // a backend that cannot send its rows looks for no cancel
      const client = await stack.connect()
      const pid = await pidOf(client)
      const running = errorOf(client.query(prepared ? { name: 'p', text: statement() } : statement()))
      await sleep(600)
      await adminQuery(server, `SELECT pg_cancel_backend(${pid})`)
      const error = await running
      expect(error).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
      await alive(client)
    })

    it("is cancelled by the client's own request", async () => {
      const client = await stack.connect()
      await pidOf(client)
      const running = errorOf(client.query(statement()))
      await sleep(500)
      const canceller = new (client.constructor as typeof pg.Client)({ connectionString: stack.url() })
      ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
        client,
        (client as unknown as { _activeQuery?: unknown; activeQuery?: unknown })._activeQuery,
      )
      const error = await running
      expect(error).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
      await alive(client)
    })

    it('is ended by statement_timeout', async () => {
      const client = await stack.connect()
      await client.query("SET statement_timeout = '500ms'")
      const start = Date.now()
      const error = await errorOf(client.query(statement()))
      expect(error).toMatchObject({ code: '57014', message: 'canceling statement due to statement timeout' })
      expect(Date.now() - start).toBeGreaterThan(400)
      await alive(client)
    })

    it('ends with its backend', async () => {
      const client = await stack.connect()
      const pid = await pidOf(client)
      const running = errorOf(client.query(statement()))
      await sleep(300)
      await adminQuery(server, `SELECT pg_terminate_backend(${pid})`)
      expect((await running).message).toMatch(/terminat/)
    })

    it('ends with its client', async () => {
      const second = await stack.connect()
      const secondPid = await pidOf(second)
      const abandoned = errorOf(second.query(statement()))
      await sleep(300)
      ;(second as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
      await abandoned
      for (let i = 0; i < 20; i++) {
        const { rows } = await adminQuery(server, `SELECT FROM pg_stat_activity WHERE pid = ${secondPid}`)
        if (rows.length === 0) return
        await sleep(100)
      }
      throw new Error('the backend lives on')
    })
  })
})
