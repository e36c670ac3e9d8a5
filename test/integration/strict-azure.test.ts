import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const refusal = (name: string) => ({
  severity: 'ERROR',
  code: '0A000',
  message: `extension "${name}" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL`,
  hint: 'to learn how to allow an extension or see the list of allowed extensions, please refer to https://go.microsoft.com/fwlink/?linkid=2301063',
})

describe.each(servers)('--strict-azure on PostgreSQL $version', server => {
  let stack: TestStack
  let lenient: CopyStack
  let client: pg.Client
  const allow = (extensions: string, libraries: string) =>
    adminQuery(
      server,
      `ALTER DATABASE ${stack.database.name} SET azure.extensions = '${extensions}';
       ALTER DATABASE ${stack.database.name} SET azure.shared_preload_libraries = '${libraries}'`,
    )
  beforeAll(async () => {
    lenient = await startCopyStack(server)
    stack = await startStack(server, { strictAzure: true })
    client = await lenient.connect(undefined, { connectionString: stack.url() })
  })
  beforeEach(() => allow('', ''))
  afterAll(async () => {
    await lenient.close()
    await stack.close()
  })

  const extensions = async () =>
    (await client.query("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")).rows.map(
      ({ extname }) => extname,
    )

  test.each([
    ['CREATE EXTENSION hstore', 'hstore'],
    ['create  extension if not exists "uuid-ossp" with schema public cascade;', 'uuid-ossp'],
    ['CREATE /* */ EXTENSION "Hstore"', 'Hstore'],
    ['CREATE EXTENSION earthdistance CASCADE', 'earthdistance'],
    ['CREATE EXTENSION IF NOT EXISTS plpgsql', 'plpgsql'],
    ['CREATE EXTENSION "schöne"', 'schöne'],
    ['DROP EXTENSION IF EXISTS hstore, cube', 'hstore'],
    ['CREATE EXTENSION azure_storage', 'azure_storage'],
    ['CREATE EXTENSION IF NOT EXISTS azure_storage', 'azure_storage'],
    ['DROP EXTENSION azure_storage', 'azure_storage'],
    ["SELECT create_extension('azure_storage')", 'azure_storage'],
  ])('refuses %s in both protocols, and wherever it stands', async (statement, name) => {
    expect(await errorOf(client.query(statement))).toMatchObject(refusal(name))
    expect(await errorOf(client.query({ text: statement, name: uniqueName('s') }))).toMatchObject(refusal(name))
    expect(await errorOf(client.query(`CREATE TABLE undone (); ${statement}`))).toMatchObject(refusal(name))
    await client.query('BEGIN')
    expect(await errorOf(client.query(statement))).toMatchObject(refusal(name))
    expect(await errorOf(client.query(statement))).toMatchObject({ code: '25P02' })
    expect(await errorOf(client.query(`ROLLBACK; ${statement}`))).toMatchObject(refusal(name))
    const { rows } = await client.query("SELECT to_regclass('undone') AS undone")
    expect(rows).toEqual([{ undone: null }])
    expect(await extensions()).toEqual([])
  })

  test('what is listed passes, whatever the case, in both protocols', async () => {
    await allow(' HSTORE,"Uuid-ossp" , earthdistance', '')
    await client.query('CREATE EXTENSION hstore; CREATE EXTENSION IF NOT EXISTS hstore')
    await client.query({ text: 'CREATE EXTENSION "uuid-ossp"', name: uniqueName('s') })
    // What an extension requires need not be listed: Microsoft's page offers CASCADE for that.
    await client.query('CREATE EXTENSION earthdistance CASCADE')
    expect(await extensions()).toEqual(['cube', 'earthdistance', 'hstore', 'uuid-ossp'])
    await client.query('DROP EXTENSION hstore, "uuid-ossp", earthdistance')
    expect(await errorOf(client.query('DROP EXTENSION cube'))).toMatchObject(refusal('cube'))
    await allow('cube', '')
    await client.query({ text: 'DROP EXTENSION cube', name: uniqueName('s') })
  })

  test('nobody allows it to himself in a session', async () => {
    await client.query("SET azure.extensions = 'hstore'")
    expect(await errorOf(client.query('CREATE EXTENSION hstore'))).toMatchObject(refusal('hstore'))
    await client.query('RESET azure.extensions')
  })

  test('azure_storage must be in shared_preload_libraries too', async () => {
    await allow('azure_storage', 'pg_cron, pg_stat_statements')
    const unloaded = { code: '55000', message: 'azure_storage must be loaded via "shared_preload_libraries"' }
    for (const statement of ['CREATE EXTENSION azure_storage', "SELECT create_extension('azure_storage')"]) {
      expect(await errorOf(client.query(statement))).toMatchObject(unloaded)
      expect(await errorOf(client.query({ text: statement, name: uniqueName('s') }))).toMatchObject(unloaded)
    }
    await allow('Azure_Storage', 'pg_cron,azure_storage')
    await client.query('CREATE EXTENSION azure_storage')
    expect(await extensions()).toEqual(['azure_storage'])
    await client.query('DROP EXTENSION azure_storage')
  })

  test('a member of azure_pg_admin is told the same, and the rest passes', async () => {
    const admin = await lenient.createRole('adm', 'CREATEROLE CREATEDB IN ROLE azure_pg_admin')
    const session = await lenient.connect(undefined, { connectionString: stack.url(admin) })
    expect(await errorOf(session.query('CREATE EXTENSION hstore'))).toMatchObject(refusal('hstore'))
    expect((await session.query("SELECT 'CREATE EXTENSION hstore' AS extension")).rowCount).toBe(1)
    await session.end()
  })

  test('without it, PostgreSQL alone decides', async () => {
    await lenient.client.query('CREATE EXTENSION hstore; DROP EXTENSION hstore')
  })
})
