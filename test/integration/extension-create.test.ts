import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createInstaller } from '../../src/extension/install.ts'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('CREATE EXTENSION on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
  })
  afterEach(() => database.drop())

  const extensions = async () =>
    (
      await database.admin.query(`SELECT extowner::regrole::text AS owner, extnamespace::regnamespace::text AS schema,
        extversion AS version, extrelocatable AS relocatable FROM pg_extension WHERE extname = 'azure_storage'`)
    ).rows

  test('by a superuser', async () => {
    await install(database)
    expect(await extensions()).toEqual([
      { owner: 'azure_pg_admin', schema: 'public', version: '1.9', relocatable: false },
    ])
  })

  test('by a member of azure_pg_admin, to which the extension belongs, but not its members', async () => {
    const role = await database.createRole('admin', 'IN ROLE azure_pg_admin')
    await install(database, await database.connectAs(role))
    expect(await extensions()).toMatchObject([{ owner: 'azure_pg_admin' }])
    const { rows } = await database.admin.query(
      `SELECT DISTINCT proowner::regrole::text AS owner FROM pg_proc WHERE pronamespace = 'azure_storage'::regnamespace`,
    )
    expect(rows).toEqual([{ owner: 'postgres' }])
    await expect(database.admin.query('DROP ROLE azure_pg_admin')).rejects.toMatchObject({
      code: '2BP01',
      detail: expect.stringContaining('owner of extension azure_storage'),
    })
  })

  test('not in a read-only transaction, be it there already', async () => {
    for (const action of ['create', 'update'] as const) {
      const message = `cannot execute ${action === 'create' ? 'CREATE' : 'ALTER'} EXTENSION in a read-only transaction`
      await database.admin.query('BEGIN')
      const refused = install({ admin: await database.connectAs('postgres') }, database.admin, {
        action,
        ifNotExists: true,
      })
      await database.admin.query('SET TRANSACTION READ ONLY')
      await expect(refused).rejects.toMatchObject({ code: '25006', message, routine: 'PreventCommandIfReadOnly' })
      await database.admin.query('ROLLBACK')
      if (action === 'create') await install(database)
    }
  })

  test('by nobody else', async () => {
    const client = await database.connectAs(await database.createRole('nobody'))
    await expect(install(database, client)).rejects.toMatchObject({
      message: 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION',
      code: '42501',
    })
  })

  test('nobody else can call the installer', async () => {
    const client = await database.connectAs(await database.createRole('nobody'))
    const { qualifiedName } = await createInstaller(database.admin)
    await expect(
      client.query(`SELECT ${qualifiedName}('create', 'postgres', false, NULL, NULL)`),
    ).rejects.toMatchObject({ code: '42501' })
  })

  test('nor in the name of somebody else', async () => {
    const client = await database.connectAs(await database.createRole('admin', 'IN ROLE azure_pg_admin'))
    const { qualifiedName } = await createInstaller(database.admin)
    await expect(
      client.query(`SELECT ${qualifiedName}('create', 'postgres', false, NULL, NULL)`),
    ).rejects.toMatchObject({ code: '42501' })
  })

  test('a second time', async () => {
    await install(database)
    await expect(install(database)).rejects.toMatchObject({
      message: 'extension "azure_storage" already exists',
      code: '42710',
    })
    expect(await install(database, database.admin, { action: 'create', ifNotExists: true })).toEqual([
      'extension "azure_storage" already exists, skipping',
    ])
  })

  test('a second time, by somebody without rights', async () => {
    await install(database)
    const client = await database.connectAs(await database.createRole('nobody'))
    expect(await install(database, client, { action: 'create', ifNotExists: true })).toEqual([
      'extension "azure_storage" already exists, skipping',
    ])
    await expect(install(database, client)).rejects.toMatchObject({ code: '42710' })
  })

  test('ROLLBACK undoes it', async () => {
    const client = await database.connectAs('postgres')
    await client.query('BEGIN')
    await install(database, client)
    await client.query('ROLLBACK')
    expect(await extensions()).toEqual([])
    const { rows } = await database.admin.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'azure%'")
    expect(rows).toEqual([])
    await install(database)
    expect(await extensions()).toHaveLength(1)
  })

  test('with SCHEMA and VERSION', async () => {
    await database.admin.query('CREATE SCHEMA "my ""schema"')
    await install(database, database.admin, { action: 'create', schema: 'my "schema', version: '1.9' })
    expect(await extensions()).toMatchObject([{ schema: '"my ""schema"' }])
    await expect(database.admin.query('DROP SCHEMA "my ""schema"')).rejects.toMatchObject({ code: '2BP01' })
  })

  test('with a SCHEMA or VERSION that it cannot have', async () => {
    for (const [options, code, message] of [
      [{ schema: 'nowhere' }, '3F000', 'schema "nowhere" does not exist'],
      [{ schema: 'azure_storage' }, '0A000', 'extension "azure_storage" cannot be installed in schema "azure_storage"'],
      [
        { version: "2'0\\" },
        '22023',
        'extension "azure_storage" has no installation script nor update path for version "2\'0\\"',
      ],
    ] as const) {
      await expect(install(database, database.admin, { action: 'create', ...options })).rejects.toMatchObject({
        code,
        message,
      })
    }
  })

  test('without a schema public it goes where objects are created', async () => {
    await database.admin.query('DROP SCHEMA public; CREATE SCHEMA other; SET search_path = other')
    await install(database)
    expect(await extensions()).toMatchObject([{ schema: 'other' }])
  })

  test('a schema of that name that somebody made before is not taken over', async () => {
    await database.admin.query('CREATE SCHEMA azure_storage')
    await expect(install(database)).rejects.toMatchObject({ code: '42P06' })
  })
})
