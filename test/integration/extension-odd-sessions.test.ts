import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adminQuery, uniqueName } from '../support/database.ts'
import {
  copyOpen,
  createExtensionDatabase,
  type ExtensionDatabase,
  install,
  openedCredential,
  provideProxy,
} from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('odd sessions on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
  })
  afterEach(() => database.drop())

  async function useEverything(session: pg.Client): Promise<void> {
    await session.query("SELECT azure_storage.account_add('acct', 'key'), azure_storage.account_list()")
    expect((await copyOpen(session, 'acct')).told).toMatchObject({
      grant: { auth_type: 'access-key' },
      block_size_mb: expect.any(Number),
    })
    expect(await openedCredential(session, 'acct')).toBe('key')
    await expect(session.query('SELECT azure_storage_private.copy_settle(1)')).rejects.toMatchObject({ code: '08006' })
    await session.query('SELECT azure_storage.options_copy()')
  }

  test.each([
    'SET standard_conforming_strings = off; SET escape_string_warning = off',
    'SET quote_all_identifiers = on; SET IntervalStyle = sql_standard; SET bytea_output = escape',
    'CREATE SCHEMA empty; SET search_path = empty',
    "SET plpgsql.extra_errors = 'all'; SET transform_null_equals = on",
  ])('%s', async settings => {
    const session = await database.connectAs('postgres')
    await session.query(settings)
    await install(database, session)
    await useEverything(session)
    await session.query('DROP EXTENSION azure_storage')
  })

  test('a superuser other than the one of initdb', async () => {
    const role = await database.createRole('super', 'SUPERUSER')
    const session = await database.connectAs(role)
    await install({ admin: session }, session)
    await useEverything(session)
    await session.query('DROP EXTENSION azure_storage')
    await database.admin.query(`DROP ROLE ${role}`)
  })

  test('a read-only transaction', async () => {
    await database.admin.query('BEGIN READ ONLY')
    const session = await database.connectAs('postgres')
    await expect(install({ admin: session }, database.admin)).rejects.toMatchObject({ code: '25006' })
    await database.admin.query('ROLLBACK')
  })

  test.each(['LATIN1', 'SQL_ASCII'])('a database in %s', async encoding => {
    const name = uniqueName('encoding')
    await adminQuery(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING ${encoding} LOCALE 'C'`)
    await provideProxy(server, name)
    const session = new pg.Client({ host: server.host, port: server.port, user: server.superuser, database: name })
    await session.connect()
    await install({ admin: session }, session)
    await useEverything(session)
    await session.end()
    await adminQuery(server, `DROP DATABASE ${name}`)
  })
})
