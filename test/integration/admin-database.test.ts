import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageVersion } from '../../src/version.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('The admin database, on PostgreSQL $version', server => {
  let stack: CopyStack
  let admin: pg.Client
  const adminUrl = (user?: string): string => stack.url(user).replace(/[^/]+$/, 'blobgres')
  const show = async (what: string): Promise<Record<string, string | null>[]> =>
    (await admin.query(`SHOW ${what}`)).rows

  beforeAll(async () => {
    stack = await startCopyStack(server, { credentialKey: 'k'.repeat(32) })
    admin = await stack.connect(undefined, { connectionString: adminUrl() })
    await stack.client.query('CREATE TABLE t (a int)')
    await stack.put('a.csv', '1\n2\n3\n')
    await stack.client.query(`COPY t FROM '${stack.blobUrl('a.csv')}'`)
    await errorOf(stack.client.query(`COPY t FROM '${stack.blobUrl('none.csv')}'`))
  })
  afterAll(() => stack.close())

  it('shows transfers, the last first', async () => {
    expect(await show('TRANSFERS')).toMatchObject([
      { path: 'none.csv', state: 'failed', sqlstate: '58P01', rows: null },
      { path: 'a.csv', state: 'done', rows: '3', bytes: '6', user: server.superuser, database: stack.database.name },
    ])
    expect(await show('STATS')).toMatchObject([
      { direction: 'import', under_way: '0', done: '1', failed: '1', cancelled: '0', bytes: '6', rows: '3' },
      { direction: 'export', done: '0' },
    ])
  })

  it('shows sessions, itself among them', async () => {
    const { rows } = await stack.client.query('SELECT pg_backend_pid()::text AS pid')
    expect(await show('sessions;')).toEqual([
      expect.objectContaining({ backend: rows[0].pid, database: stack.database.name, state: 'idle' }),
      expect.objectContaining({ database: 'blobgres', state: 'active', client: expect.stringMatching(/^[\d.:]+$/) }),
    ])
  })

  it('shows the accounts of all databases, the configuration and the version, and no secret', async () => {
    const accounts = await show('ACCOUNTS')
    const own = { database: stack.database.name, account_name: account.name, auth_type: 'access-key' }
    expect(accounts.filter(({ database }) => database === stack.database.name)).toEqual([own])
    const config = await show('CONFIG')
    expect(config).toContainEqual({ key: 'drainTimeoutMs', value: '1000' })
    expect(config).toContainEqual({
      key: 'backend',
      value: `${server.superuser}@${server.host}:${server.port}/postgres`,
    })
    expect(await show('VERSION')).toEqual([{ version: `Blobgres ${packageVersion()}` }])
    expect((await show('HELP')).map(({ command }) => command)).toEqual(
      ['TRANSFERS', 'SESSIONS', 'ACCOUNTS', 'STATS', 'CONFIG', 'VERSION', 'HELP'].map(name => `SHOW ${name}`),
    )
    const all = JSON.stringify([accounts, config])
    for (const secret of [account.key, 'kkkk']) expect(all).not.toContain(secret)
  })

  it('reads no account where somebody else has made what is called like the extension', async () => {
    const role = await stack.createRole('owner', 'CREATEDB')
    const name = `hostile_${server.version}`
    await adminQuery(server, `DROP DATABASE IF EXISTS ${name}`)
    await adminQuery(server, `CREATE DATABASE ${name} OWNER ${role}`)
    try {
      const owner = await stack.connect(role, { connectionString: stack.url(role).replace(/[^/]+$/, name) })
      await owner.query(`CREATE SCHEMA azure_storage;
        CREATE FUNCTION azure_storage.run() RETURNS text LANGUAGE plpgsql AS $$
          BEGIN EXECUTE 'ALTER ROLE ${role} SUPERUSER'; RETURN 'mine'; END $$;
        CREATE VIEW azure_storage.accounts AS SELECT azure_storage.run() AS account_name, 'x' AS auth_type`)
      await owner.end()
      expect((await show('ACCOUNTS')).map(({ database }) => database)).not.toContain(name)
      const { rows } = await adminQuery(server, `SELECT rolsuper FROM pg_roles WHERE rolname = '${role}'`)
      expect(rows).toEqual([{ rolsuper: false }])
    } finally {
      await adminQuery(server, `DROP DATABASE ${name}`)
    }
  })

  it('does not wait for who holds the accounts of a database', async () => {
    const holder = await stack.connect()
    await holder.query('BEGIN; LOCK TABLE azure_storage.accounts')
    expect(await errorOf(admin.query('SHOW ACCOUNTS'))).toMatchObject({
      message: expect.stringContaining('lock timeout'),
    })
    await holder.end()
  })

  it('takes nothing else, and goes on', async () => {
    for (const text of ['SELECT 1', 'SHOW work_mem', 'SHOW HELP; SHOW HELP', `SELECT '${'x'.repeat(2000)}'`]) {
      expect(await errorOf(admin.query(text))).toMatchObject({ code: '42601', hint: 'Use SHOW HELP.' })
    }
    expect(await show('VERSION')).toHaveLength(1)
  })

  it('speaks the extended protocol, and lets drivers have their asides', async () => {
    const prepared = { name: 'v', text: 'SHOW VERSION', values: [] }
    for (let i = 0; i < 2; i++) expect((await admin.query(prepared)).rows).toHaveLength(1)
    expect(await errorOf(admin.query({ name: 'no', text: 'SELECT $1::int', values: [1] }))).toMatchObject({
      code: '42601',
    })
    for (const text of ['BEGIN', "SET application_name = 'x'", 'COMMIT', '']) await admin.query(text)
    expect((await admin.query(prepared)).rows).toEqual([{ version: `Blobgres ${packageVersion()}` }])
  })

  it('lets the server see no text, however long', async () => {
    const text = `SELECT '${'x'.repeat(2 * 1024 * 1024)}'`
    for (const query of [{ text }, { name: 'long', text, values: [] }]) {
      const client = await stack.connect(undefined, { connectionString: adminUrl() })
      expect(await errorOf(client.query(query))).toMatchObject({ severity: 'FATAL', code: '08P01' })
    }
  })

  it('shows what the encoding of its client lacks as question marks', async () => {
    await stack.put('漢é.csv', '1\n')
    await stack.client.query(`COPY t FROM '${stack.blobUrl('漢é.csv')}'`)
    const { stdout } = await psql(`${adminUrl()}?client_encoding=LATIN1`, 'SHOW TRANSFERS;')
    expect(stdout.match(/[^|\s]+\.csv/g)).toEqual(['??.csv', 'none.csv', 'a.csv'])
  })

  it("is psql's to use", async () => {
    expect(await psql(adminUrl(), 'SHOW VERSION;')).toMatchObject({ stdout: expect.stringContaining('Blobgres') })
  })

  it('is for superusers alone', async () => {
    const client = new pg.Client({ connectionString: adminUrl(await stack.createRole('user')) })
    expect(await errorOf(client.connect())).toMatchObject({ code: '42501', severity: 'FATAL' })
  })

  it("leaves the name to a database of the server's that has it", async () => {
    await adminQuery(server, 'CREATE DATABASE blobgres')
    const other = await startCopyStack(server)
    try {
      const client = await other.connect(undefined, {
        connectionString: other.url().replace(/[^/]+$/, 'blobgres'),
      })
      expect((await client.query('SELECT current_database() AS name')).rows).toEqual([{ name: 'blobgres' }])
    } finally {
      await other.close()
      await adminQuery(server, 'DROP DATABASE blobgres')
    }
  })
})
