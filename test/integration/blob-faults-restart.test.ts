import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'

describe.each(servers)('a proxy that is restarted beneath a session, on PostgreSQL $version', server => {
  let stack: CopyStack
  let next: TestStack | undefined
  let session: pg.Client
  let args: string
  beforeEach(async () => {
    next = undefined
    stack = await startCopyStack(server, { workers: 1 })
    args = `'${account.name}', '${stack.container.containerName}'`
    session = new pg.Client({ connectionString: stack.database.url })
    await session.connect()
  })
  afterEach(async () => {
    await session.end()
    await stack.close()
    await next?.close()
  })

  /** All proxies that have announced themselves to the server. */
  const announced = async (): Promise<string> => {
    const { rows } = await adminQuery(
      server,
      `SELECT s.setconfig::text AS setting FROM pg_db_role_setting s
       WHERE s.setdatabase = 0 AND s.setrole = 'azure_storage_key'::regrole`,
    )
    return rows[0]?.setting ?? ''
  }
  const addressOf = ({ proxy }: TestStack): string => `${proxy.address.host}:${proxy.address.port}`

  const restart = async (): Promise<void> => {
    await stack.proxy.close(0)
    expect(await announced()).not.toContain(addressOf(stack))
    next = await startStack(server, { workers: 1 })
    expect(await announced()).toContain(addressOf(next))
    await adminQuery(
      server,
      `ALTER ROLE azure_storage_key IN DATABASE ${stack.database.name} SET azure_storage.loopback_addresses = '${addressOf(next)}'`,
    )
  }

  test('what is in progress fails, the next call finds the new one', async () => {
    const put = (path: string, sleep: number, rows: number) => `SELECT azure_storage.blob_put(${args}, '${path}', q)
      FROM (SELECT g, repeat('x', 10000) AS x, CASE WHEN g > 3 THEN pg_sleep(${sleep}) END FROM generate_series(1, ${rows}) g) q`
    const list = `SELECT path FROM azure_storage.blob_list(${args})`
    await session.query(put('a.csv', 0, 1))
    const lost = errorOf(session.query(put('b.csv', 0.3, 9)))
    await expect.poll(() => activity('PgSleep')).toBe(1)
    await restart()
    expect(await lost).toMatchObject({
      code: expect.stringMatching(/^08/),
      message: expect.stringContaining('server closed the connection'),
    })
    expect((await session.query(list)).rows).toEqual([{ path: 'a.csv' }])
    await session.query(put('b.csv', 0, 10))
    expect((await session.query(list)).rows).toEqual([{ path: 'a.csv' }, { path: 'b.csv' }])
  })

  const activity = async (event: string): Promise<number | null> =>
    (
      await adminQuery(
        server,
        `SELECT FROM pg_stat_activity WHERE datname = '${stack.database.name}' AND wait_event = '${event}'`,
      )
    ).rowCount

  test('between the two, a call says what is missing', async () => {
    await stack.proxy.close(0)
    expect(await errorOf(session.query(`SELECT * FROM azure_storage.blob_list(${args})`))).toMatchObject({
      code: '08001',
      message: 'azure_storage: the server cannot reach the proxy',
      detail: expect.stringContaining(addressOf(stack)),
    })
  })
})
