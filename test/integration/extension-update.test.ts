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

  test('replaces what is not for users, whatever its shape, and drops what is not needed', async () => {
    await install(database)
    const parts = async () =>
      (
        await database.admin.query(`
          SELECT pg_describe_object(classid, objid, 0) AS part, pg_get_function_result(p.oid) AS result
          FROM pg_depend LEFT JOIN pg_proc AS p ON p.oid = objid
          WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'azure_storage') AND deptype = 'e' ORDER BY 1`)
      ).rows
    const before = await parts()
    await database.admin.query(`
      ALTER EXTENSION azure_storage DROP FUNCTION azure_storage_private.check_account_name(text);
      DROP FUNCTION azure_storage_private.check_account_name(text);
      CREATE FUNCTION azure_storage_private.check_account_name(another text) RETURNS int LANGUAGE sql AS 'SELECT 1';
      ALTER EXTENSION azure_storage ADD FUNCTION azure_storage_private.check_account_name(text);
      CREATE FUNCTION azure_storage_private.gone() RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE FUNCTION azure_storage_private.step(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE VIEW azure_storage_private.z AS SELECT azure_storage_private.gone();
      CREATE VIEW azure_storage_private.a AS SELECT * FROM azure_storage_private.z;
      ALTER EXTENSION azure_storage ADD FUNCTION azure_storage_private.gone();
      ALTER EXTENSION azure_storage ADD FUNCTION azure_storage_private.step(int, int);
      ALTER EXTENSION azure_storage ADD VIEW azure_storage_private.z;
      ALTER EXTENSION azure_storage ADD VIEW azure_storage_private.a;
      CREATE AGGREGATE public.of_a_user(int) (SFUNC = azure_storage_private.step, STYPE = int);
      COMMENT ON SCHEMA azure_storage_private IS 'blobgres schema 1, functions 00'`)
    await install(database, database.admin, { action: 'update' })
    const step = { part: 'function azure_storage_private.step(integer,integer)', result: 'integer' }
    expect(await parts()).toEqual([...before, step].sort((one, other) => (one.part < other.part ? -1 : 1)))
    await database.admin.query(`
      DROP AGGREGATE public.of_a_user(int); COMMENT ON SCHEMA azure_storage_private IS 'blobgres schema 1, functions 00'`)
    await install(database, database.admin, { action: 'update' })
    expect(await parts()).toEqual(before)
  })

  test('does not undo what a newer Blobgres has made', async () => {
    await install(database)
    await database.admin.query("COMMENT ON SCHEMA azure_storage_private IS 'blobgres schema 999, functions 00'")
    await expect(install(database, database.admin, { action: 'update' })).rejects.toMatchObject({
      message: 'extension "azure_storage" is of a newer Blobgres than this one',
    })
  })

  test('needs an extension, a member of azure_pg_admin, and the version', async () => {
    await expect(install(database, database.admin, { action: 'update' })).rejects.toMatchObject({ code: '42704' })
    await install(database)
    await install(database, await database.connectAs(await database.createRole('adm', 'IN ROLE azure_pg_admin')), {
      action: 'update',
    })
    const other = await database.connectAs(await database.createRole('other'))
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
