import type { Socket } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { type StalledStorage, startStalledStack } from '../support/stalled-storage.ts'

const DOWNLOAD = { what: 'a download', sql: 'COPY t FROM' }
const SMALL_UPLOAD = { what: 'an upload, of a few rows', sql: 'COPY t TO' }
const LARGE_UPLOAD = { what: 'an upload, of many rows', sql: 'COPY big TO' }

const BY_USER = { code: '57014', message: 'canceling statement due to user request' }

describe.each(servers)('a storage that stalls, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  beforeAll(async () => {
    ;({ storage, stack } = await startStalledStack(server))
    await stack.client.query('CREATE TABLE t (a int); CREATE VIEW big AS SELECT generate_series(1, 10000000) AS a')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  const url = (blob: string) => `${storage.endpointTemplate.replace('{account}', account.name)}/box/${blob}`
  const alive = async (client: pg.Client) => {
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
  }
  const isBackend = async (pid: number): Promise<boolean> =>
    (await adminQuery(server, `SELECT FROM pg_stat_activity WHERE pid = ${pid}`)).rowCount === 1

  let blobs = 0
  /** Runs a COPY of a blob of its own, until both the storage and the backend wait. */
  async function runUntilStalled(sql: string, prepared = false) {
    const client = await stack.connect()
    const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0] as { pid: number }
    const blob = `${++blobs}.csv`
    const failed = errorOf(client.query({ ...(prepared && { name: 'p' }), text: `${sql} '${url(blob)}'` }))
    const waitEvent = async (): Promise<string | null> => {
      const ofBackend = `SELECT wait_event FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active'`
      return (await adminQuery(server, ofBackend)).rows[0]?.wait_event ?? null
    }
    await expect.poll(() => storage.hasRequest(blob)).toBe(true)
    await expect.poll(waitEvent).toMatch(/^(ClientRead|ClientWrite|advisory)$/)
    return { client, pid, failed }
  }

  // A backend that cannot send its rows looks for no cancel of this kind: no upload of many rows here.
  it.each([
    { ...DOWNLOAD, prepared: false },
    { ...DOWNLOAD, prepared: true },
    { ...SMALL_UPLOAD, prepared: false },
    { ...SMALL_UPLOAD, prepared: true },
  ])('$what is cancelled by pg_cancel_backend (prepared: $prepared)', async ({ sql, prepared }) => {
    const { client, pid, failed } = await runUntilStalled(sql, prepared)
    await adminQuery(server, `SELECT pg_cancel_backend(${pid})`)
    expect(await failed).toMatchObject(BY_USER)
    await alive(client)
  })

  describe.each([DOWNLOAD, SMALL_UPLOAD, LARGE_UPLOAD])('$what', ({ sql }) => {
    it("is cancelled by the client's own request", async () => {
      const { client, failed } = await runUntilStalled(sql)
      const canceller = new pg.Client({ connectionString: stack.url() })
      ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
        client,
        (client as unknown as { _activeQuery: unknown })._activeQuery,
      )
      expect(await failed).toMatchObject(BY_USER)
      await alive(client)
    })

    it('is ended by statement_timeout', async () => {
      const client = await stack.connect()
      await client.query("SET statement_timeout = '500ms'")
      expect(await errorOf(client.query(`${sql} '${url('late.csv')}'`))).toMatchObject({
        code: '57014',
        message: 'canceling statement due to statement timeout',
      })
      await alive(client)
    })

    it('ends with its client', async () => {
      const { client, pid, failed } = await runUntilStalled(sql)
      ;(client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
      await failed
      await expect.poll(() => isBackend(pid)).toBe(false)
    })
  })

  it.each([DOWNLOAD, SMALL_UPLOAD])('$what ends with its backend', async ({ sql }) => {
    const { pid, failed } = await runUntilStalled(sql)
    await adminQuery(server, `SELECT pg_terminate_backend(${pid})`)
    expect(await failed).toMatchObject({
      code: '57P01',
      message: 'terminating connection due to administrator command',
    })
  })

  // Its client hears of it when the storage has answered: the rows that were sent come first.
  it(`${LARGE_UPLOAD.what} does not keep its backend`, async () => {
    const { pid } = await runUntilStalled(LARGE_UPLOAD.sql)
    await adminQuery(server, `SELECT pg_terminate_backend(${pid})`)
    await expect.poll(() => isBackend(pid)).toBe(false)
  })
})
