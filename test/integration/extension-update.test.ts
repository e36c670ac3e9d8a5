import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('ALTER EXTENSION … UPDATE on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
  })
  afterEach(() => database.drop())

  test('says that the version is installed, refreshes the functions and keeps the data', async () => {
    await install(database)
    await database.admin.query("SELECT azure_storage.account_add('kept', 'key')")
    await database.admin.query(`
      CREATE OR REPLACE FUNCTION azure_storage.options_parquet() RETURNS jsonb LANGUAGE sql AS $$ SELECT '"old"'::jsonb $$;
      ALTER EXTENSION azure_storage DROP FUNCTION azure_storage.options_binary(text);
      DROP FUNCTION azure_storage.options_binary(text)`)
    expect(await install(database, database.admin, { action: 'update' })).toEqual([
      'version "1.9" of extension "azure_storage" is already installed',
    ])
    const { rows } = await database.admin.query('SELECT azure_storage.options_parquet() AS parquet')
    expect(rows).toEqual([{ parquet: {} }])
    expect((await database.admin.query('SELECT account_name FROM azure_storage.account_list()')).rows).toHaveLength(1)
    await database.admin.query('DROP EXTENSION azure_storage')
  })

  test('needs an extension, its owner, and the version', async () => {
    await expect(install(database, database.admin, { action: 'update' })).rejects.toMatchObject({ code: '42704' })
    await install(database)
    const other = await database.connectAs(await database.createRole('other', 'IN ROLE azure_pg_admin'))
    await expect(install(database, other, { action: 'update' })).rejects.toMatchObject({
      code: '42501',
      message: 'must be owner of extension azure_storage',
    })
    await expect(install(database, database.admin, { action: 'update', version: '3' })).rejects.toMatchObject({
      code: '22023',
      message: 'extension "azure_storage" has no update path from version "1.9" to version "3"',
    })
  })
})
