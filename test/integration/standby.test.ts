import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { psql } from '../support/psql.ts'
import { testConfig } from '../support/stack.ts'
import { caughtUp, startStandby } from '../support/standby.ts'

describe.each([15, 18] as const)('A proxy in front of a standby of PostgreSQL %i', version => {
  let primary: OwnServer
  let stack: CopyStack
  let standby: OwnServer
  let proxy: RunningProxy
  let session: pg.Client
  let past: pg.Client
  let args: string
  beforeAll(async () => {
    primary = await startOwnServer(version)
    stack = await startCopyStack(primary, { workers: 1 })
    await adminQuery(
      primary,
      `ALTER ROLE azure_storage_key IN DATABASE ${stack.database.name} RESET azure_storage.loopback_addresses;
       CREATE ROLE outsider LOGIN`,
    )
    await stack.client.query('CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) AS g')
    standby = await startStandby(primary, stack.proxy)
    proxy = await startProxy(testConfig(standby), createLogger('silent'))
    session = await connect(proxy.address)
    past = await connect(standby)
    args = `'${account.name}', '${stack.container.containerName}'`
  }, 120_000)
  afterAll(async () => {
    for (const client of [session, past]) await client.end()
    await proxy.close(0)
    await standby.stop()
    await stack.close()
    await primary.stop()
  })

  async function connect({ host, port }: { host: string; port: number }, user = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({ host, port, user, database: stack.database.name })
    await client.connect()
    return client
  }
  const first = async (client: pg.Client, sql: string): Promise<unknown> =>
    Object.values((await client.query(sql)).rows[0])[0]
  const LINES = Array.from({ length: 1000 }, (_, i) => `${i + 1}\n`).join('')

  test('COPY TO a blob', async () => {
    expect((await session.query(`COPY t TO '${stack.blobUrl('copied.csv')}'`)).rowCount).toBe(1000)
    expect(await stack.get('copied.csv')).toBe(LINES)
    await session.query(`BEGIN; COPY t TO '${stack.blobUrl('copied.parquet')}'; COMMIT`)
    expect(await stack.exists('copied.parquet')).toBe(true)
  })

  test.each([
    ['a session through the proxy', () => session],
    ['a session past it', () => past],
  ])('blob_put, blob_get and blob_list in %s', async (_, client) => {
    await client().query(`SELECT azure_storage.blob_put(${args}, 'put.csv', t) FROM t`)
    expect(await stack.get('put.csv')).toBe(LINES)
    expect(await first(client(), `SELECT sum(a) FROM azure_storage.blob_get(${args}, 'put.csv') AS t (a int)`)).toBe(
      '500500',
    )
    expect(await first(client(), `SELECT path FROM azure_storage.blob_list(${args}, 'put')`)).toBe('put.csv')
  })

  test('COPY TO a blob in a DO block, with options', async () => {
    const text = `COPY t TO '${stack.blobUrl('inside.csv')}' (HEADER, FORCE_QUOTE *)`
    await session.query(text)
    const alone = await stack.get('inside.csv')
    await stack.container.getBlobClient('inside.csv').deleteIfExists()
    await session.query(`DO $$ BEGIN EXECUTE '${text.replaceAll("'", "''")}'; END $$`)
    expect(await stack.get('inside.csv')).toBe(alone)
  })

  const PRESENT = 'SELECT azure_storage_private.present_addresses()'

  test('its functions call its own proxy, not that of the primary, of which it has the address', async () => {
    const address = `${proxy.address.host}:${proxy.address.port}`
    await vi.waitFor(async () => expect(await first(past, PRESENT)).toBe(address))
    expect(await first(past, 'SELECT azure_storage_private.loopback_addresses()')).toBeNull()
    const { rows } = await past.query(
      "SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = 'azure_storage_key'::regrole",
    )
    expect(rows[0].setconfig).toContain(`:${stack.proxy.address.port}`)
  })

  test("what looks like a proxy's statement, and is none, counts for nothing", async () => {
    const address = `${proxy.address.host}:${proxy.address.port}`
    const { rows } = await past.query(
      "SELECT query FROM pg_stat_activity WHERE starts_with(query, '/* azure_storage proxy ') AND pid <> pg_backend_pid()",
    )
    const text: string = rows[0].query
    const outsider = await connect(standby, 'outsider')
    const forged = [text, text.replace(address, '127.0.0.1:1'), text.replace(/[0-9a-f]{64}/, '0'.repeat(64))]
    for (const each of forged) {
      expect(each).toContain('/* azure_storage proxy ')
      await outsider.query(each)
      expect(await first(past, PRESENT)).toBe(address)
    }
    // Nobody else sees the real one.
    expect(
      (await outsider.query('SELECT FROM pg_stat_activity WHERE query = $1 AND pid <> pg_backend_pid()', [text]))
        .rowCount,
    ).toBe(0)
    await outsider.end()
  })

  test('what needs a write fails in the words of PostgreSQL', async () => {
    const readOnly = (what: string) => ({
      code: '25006',
      message: `cannot execute ${what} in a read-only transaction`,
    })
    const outsider = await connect(proxy.address, 'outsider')
    for (const client of [session, outsider]) {
      for (const options of ['', 'IF NOT EXISTS']) {
        const create = `CREATE EXTENSION ${options} azure_storage`
        expect(await errorOf(client.query(create))).toMatchObject(readOnly('CREATE EXTENSION'))
      }
      expect(await errorOf(client.query('ALTER EXTENSION azure_storage UPDATE'))).toMatchObject(
        readOnly('ALTER EXTENSION'),
      )
    }
    await outsider.end()
    expect(await errorOf(session.query(`COPY t FROM '${stack.blobUrl('copied.csv')}'`))).toMatchObject({
      code: '25006',
      message: 'cannot execute COPY during recovery',
    })
    expect(await errorOf(session.query(`SELECT azure_storage.account_add('other', '${account.key}')`))).toMatchObject(
      readOnly('INSERT'),
    )
  })

  test('a change at the primary counts as soon as it has come', async () => {
    const outsider = await connect(proxy.address, 'outsider')
    const list = `SELECT count(*) > 0 FROM azure_storage.blob_list(${args})`
    expect(await errorOf(outsider.query(list))).toMatchObject({ code: '42501' })
    await stack.client.query(`SELECT azure_storage.account_user_add('${account.name}', 'outsider')`)
    await caughtUp(primary, standby)
    expect(await first(outsider, list)).toBe(true)
    await outsider.end()
  })

  test('libpq finds the primary and the standby through their proxies', async () => {
    const hosts = [proxy, stack.proxy].map(({ address }) => `${address.host}:${address.port}`).join()
    for (const [attributes, isStandby] of [
      ['read-write', 'f'],
      ['primary', 'f'],
      ['standby', 't'],
      ['any', 't'],
    ]) {
      const url = `postgres://postgres@${hosts}/postgres?target_session_attrs=${attributes}`
      expect((await psql(url, 'SELECT pg_is_in_recovery()')).stdout).toBe(`${isStandby}\n`)
    }
  })

  test('promoted, it takes imports, accounts and extensions, without a restart of the proxy', async () => {
    await past.query('SELECT pg_promote()')
    expect((await session.query(`COPY t FROM '${stack.blobUrl('copied.csv')}'`)).rowCount).toBe(1000)
    await session.query(`SELECT azure_storage.account_add('other', '${account.key}')`)
    await past.query(`SELECT azure_storage.account_add('another', '${account.key}')`)
    await session.query('DROP EXTENSION azure_storage; CREATE EXTENSION azure_storage')
    await session.query(`SELECT azure_storage.account_add('${account.name}', '${account.key}')`)
    expect(await first(past, `SELECT sum(a) FROM azure_storage.blob_get(${args}, 'put.csv') AS t (a int)`)).toBe(
      '500500',
    )
  })

  test('then its functions call its own proxy alone', async () => {
    const address = `${proxy.address.host}:${proxy.address.port}`
    await vi.waitFor(
      async () => expect(await first(past, 'SELECT azure_storage_private.loopback_addresses()')).toBe(address),
      10_000,
    )
    expect(await first(past, `SELECT count(*) > 0 FROM azure_storage.blob_list(${args})`)).toBe(true)
  })
})
