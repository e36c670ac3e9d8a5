import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

type End = (client: pg.Client, pid: number) => unknown

describe.each(servers)('COPY FROM with REJECTED that ends early, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE TABLE slow (a int);
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$;
      CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait()`)
  })
  beforeEach(() => stack.container.getBlobClient('bad.csv').deleteIfExists())
  afterAll(() => stack.close())

  /** A session whose COPY has rejected rows, and waits with another; or may come to that before the setting ends it. */
  const runUntilWaiting = async (setting = '') => {
    const client = await stack.connect()
    await client.query(`SET blobgres.extras = on; ${setting}`)
    const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0] as { pid: number }
    const url = await stack.put('in.csv', `${'x\n'.repeat(1000)}1\n`)
    const failed = errorOf(
      client.query(`COPY slow FROM '${url}' (ON_ERROR ignore, REJECTED '${stack.blobUrl('bad.csv')}')`),
    )
    if (setting !== '') return { client, pid, failed }
    const sleeping = `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND wait_event = 'PgSleep'`
    await expect.poll(async () => (await stack.client.query(sleeping)).rowCount).toBe(1)
    return { client, pid, failed }
  }

  const byRequest: End = client => {
    const canceller = new pg.Client({ connectionString: stack.url() })
    ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
      client,
      (client as unknown as { _activeQuery: unknown })._activeQuery,
    )
  }
  const byFunction: End = (_, pid) => stack.client.query(`SELECT pg_cancel_backend(${pid})`)
  const byItself: End = () => {}

  it.each([
    { how: "by its client's request", end: byRequest, setting: '', reason: 'user request' },
    { how: 'by pg_cancel_backend()', end: byFunction, setting: '', reason: 'user request' },
    {
      how: 'by statement_timeout',
      end: byItself,
      setting: "SET statement_timeout = '3s'",
      reason: 'statement timeout',
    },
  ])('$how writes no blob and no row, and its session lives on', async ({ end, setting, reason }) => {
    const { client, pid, failed } = await runUntilWaiting(setting)
    await end(client, pid)
    expect(await failed).toMatchObject({ code: '57014', message: `canceling statement due to ${reason}` })
    expect((await client.query('SELECT FROM slow')).rowCount).toBe(0)
    expect(await stack.exists('bad.csv')).toBe(false)
  })
})
