import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('the installed extension on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterEach(() => database.drop())

  const leftovers = async () =>
    (
      await database.admin.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'azure%'
        UNION ALL SELECT extname FROM pg_extension WHERE extname LIKE 'azure%'
        UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'blobgres%'`)
    ).rows

  test('DROP EXTENSION leaves nothing, and CREATE works again', async () => {
    await database.admin.query('DROP EXTENSION azure_storage')
    expect(await leftovers()).toEqual([])
    await install(database)
  })

  test('its owner may drop it', async () => {
    await database.admin.query('DROP EXTENSION azure_storage')
    const role = await database.createRole('admin', 'IN ROLE azure_pg_admin')
    const client = await database.connectAs(role)
    await install(database, client)
    await client.query('DROP EXTENSION azure_storage')
    expect(await leftovers()).toEqual([])
    await database.admin.query(`DROP ROLE ${role}`)
  })

  test('nobody else may', async () => {
    const client = await database.connectAs(await database.createRole('nobody'))
    await expect(client.query('DROP EXTENSION azure_storage')).rejects.toMatchObject({ code: '42501' })
  })

  test('what depends on it needs CASCADE', async () => {
    await database.admin.query('CREATE VIEW v AS SELECT azure_storage.options_parquet()')
    await expect(database.admin.query('DROP EXTENSION azure_storage')).rejects.toMatchObject({ code: '2BP01' })
    await database.admin.query('DROP EXTENSION azure_storage CASCADE')
    expect((await database.admin.query("SELECT to_regclass('v') AS v")).rows).toEqual([{ v: null }])
  })

  test('its members cannot be dropped one by one', async () => {
    await expect(database.admin.query('DROP FUNCTION azure_storage.account_list()')).rejects.toMatchObject({
      code: '2BP01',
      hint: 'You can drop extension azure_storage instead.',
    })
  })

  test('ALTER EXTENSION … SET SCHEMA is refused', async () => {
    await database.admin.query('CREATE SCHEMA other')
    await expect(database.admin.query('ALTER EXTENSION azure_storage SET SCHEMA other')).rejects.toMatchObject({
      message: 'extension "azure_storage" does not support SET SCHEMA',
    })
  })

  test('it has a comment, which can be changed', async () => {
    const comment = async () =>
      (
        await database.admin.query(
          "SELECT obj_description(oid, 'pg_extension') AS c FROM pg_extension WHERE extname = 'azure_storage'",
        )
      ).rows[0].c
    expect(await comment()).toBe('Azure Storage integration for PostgreSQL')
    await database.admin.query("COMMENT ON EXTENSION azure_storage IS 'mine'")
    expect(await comment()).toBe('mine')
  })
})
