import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSealed } from '../../src/credentials/sealing.ts'
import { readSealingKey } from '../../src/extension/install.ts'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('credentials on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
    await database.admin.query("SELECT azure_storage.account_add('acct', '?sv=2024&sig=Zürich%3D')")
  })
  afterEach(() => database.drop())

  test('are stored sealed, and the server key opens them', async () => {
    const { rows } = await database.admin.query('SELECT sealed_credentials AS sealed FROM azure_storage.accounts')
    expect(rows[0].sealed).toMatch(/^s1:[A-Za-z0-9+/]+=*$/)
    expect(
      await openSealed(
        rows[0].sealed,
        { account: 'acct', authType: 'access-key' },
        await readSealingKey(database.admin),
      ),
    ).toBe('?sv=2024&sig=Zürich%3D')
  })

  test('a plain role reaches none of what holds or makes them', async () => {
    const nobody = await database.connectAs(await database.createRole('nobody'))
    for (const sql of [
      'SELECT * FROM azure_storage.accounts',
      'SELECT * FROM azure_storage_private.account_users',
      'SELECT * FROM azure_storage_private.sealing_key',
      "SELECT azure_storage_private.seal('acct', 'access-key', 'x')",
      "SELECT azure_storage_private.register('acct', 'access-key', 'blob', 'x')",
      'SELECT rolpassword FROM pg_authid',
      "CREATE FUNCTION azure_storage_private.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "UPDATE azure_storage.accounts SET auth_type = 'access-key'",
    ]) {
      await expect(nobody.query(sql), sql).rejects.toMatchObject({ code: '42501' })
    }
  })

  test('every function that runs as the superuser has a search_path of its own', async () => {
    const { rows } = await database.admin.query(`SELECT oid::regprocedure FROM pg_proc
      WHERE pronamespace IN ('azure_storage'::regnamespace, 'azure_storage_private'::regnamespace) AND prosecdef
        AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))`)
    expect(rows).toEqual([])
  })

  test('a plain role sees nothing but itself, however it asks', async () => {
    const nobody = await database.connectAs(await database.createRole('nobody'))
    await nobody.query(`CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001
      AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$`)
    const notices: unknown[] = []
    nobody.on('notice', notice => notices.push(notice.message))
    const { rows } = await nobody.query('SELECT * FROM azure_storage_private.caller WHERE pg_temp.leak(caller::text)')
    expect(rows).toEqual([{ role: expect.any(Number), proof: expect.stringMatching(/^[0-9a-f]{64}$/) }])
    // Its own proof, and nothing of others.
    expect(notices).toEqual([expect.stringMatching(/^leaked [(]\d+,[0-9a-f]{64}[)]$/)])
  })

  test('the key cannot be replaced by one that somebody knows', async () => {
    const admin = await database.connectAs(await database.createRole('admin', 'CREATEROLE IN ROLE azure_pg_admin'))
    for (const sql of [
      "ALTER ROLE azure_storage_key PASSWORD 'x'",
      'GRANT azure_storage_key TO azure_pg_admin',
      'SET ROLE azure_storage_key',
      'DROP ROLE azure_storage_key',
    ]) {
      await expect(admin.query(sql)).rejects.toMatchObject({ code: '42501' })
    }
  })

  test('a storage admin does not get the key either', async () => {
    const admin = await database.connectAs(await database.createRole('storage', 'IN ROLE azure_storage_admin'))
    await expect(admin.query('SELECT * FROM azure_storage_private.sealing_key')).rejects.toMatchObject({
      code: '42501',
    })
  })
})
