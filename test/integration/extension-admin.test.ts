import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const DENIED = { code: '42501', message: 'Only members of "azure_pg_admin" are allowed to use DROP EXTENSION' }

/** As on Azure, where nobody is superuser; the extension is there, made by the superuser. */
describe.each(servers)('An admin who is no superuser, on PostgreSQL $version', server => {
  let stack: CopyStack
  let admin: pg.Client
  let nobody: pg.Client
  beforeEach(async () => {
    stack = await startCopyStack(server)
    admin = await stack.connect(await stack.createRole('adm', 'CREATEROLE CREATEDB IN ROLE azure_pg_admin'))
    nobody = await stack.connect(await stack.createRole('nobody'))
  })
  afterEach(() => stack.close())
  const installed = async () =>
    (await stack.client.query("SELECT FROM pg_extension WHERE extname = 'azure_storage'")).rowCount === 1

  it('drops the extension whoever has made it, and makes it again, in either protocol', async () => {
    expect(await admin.query('DROP EXTENSION azure_storage')).toMatchObject({ command: 'DROP' })
    expect(await installed()).toBe(false)
    await admin.query('CREATE EXTENSION azure_storage')
    const other = await stack.connect(await stack.createRole('adm', 'IN ROLE azure_pg_admin'))
    await other.query({ name: 'drop', text: 'DROP EXTENSION azure_storage' })
    expect(await installed()).toBe(false)
    await other.query('DROP EXTENSION IF EXISTS azure_storage')
  })

  it('in a transaction, and with what hangs on it', async () => {
    await stack.client.query("CREATE VIEW v AS SELECT * FROM azure_storage.blob_list('acct', 'box')")
    await admin.query('BEGIN; SAVEPOINT s')
    await expect(admin.query('DROP EXTENSION azure_storage')).rejects.toMatchObject({ code: '2BP01' })
    await admin.query('ROLLBACK TO s; DROP EXTENSION azure_storage CASCADE; ROLLBACK')
    expect(await installed()).toBe(true)
    await admin.query('SELECT 1; DROP EXTENSION azure_storage CASCADE; SELECT 2')
    expect(await installed()).toBe(false)
    expect((await stack.client.query("SELECT to_regclass('v') AS v")).rows).toEqual([{ v: null }])
  })

  it('updates and comments on it', async () => {
    await admin.query('ALTER EXTENSION azure_storage UPDATE')
    await admin.query("COMMENT ON EXTENSION azure_storage IS 'ours'")
    await expect(admin.query('ALTER EXTENSION azure_storage SET SCHEMA public')).rejects.toMatchObject({
      code: '0A000',
      message: 'SET SCHEMA clause for ALTER EXTENSION is not supported.',
    })
  })

  it('takes nothing out of it that is not his', async () => {
    for (const member of ['FUNCTION azure_storage.account_list()', 'TABLE azure_storage.accounts']) {
      await expect(admin.query(`ALTER EXTENSION azure_storage DROP ${member}`)).rejects.toMatchObject({ code: '42501' })
    }
  })

  it('nobody else does', async () => {
    for (const statement of ['DROP EXTENSION azure_storage', 'DROP EXTENSION IF EXISTS azure_storage CASCADE']) {
      await expect(nobody.query(statement)).rejects.toMatchObject(DENIED)
      await expect(nobody.query({ name: uniqueName('s'), text: statement })).rejects.toMatchObject(DENIED)
      await expect(nobody.query(`SELECT 1; ${statement}`)).rejects.toMatchObject(DENIED)
    }
    for (const statement of [
      'ALTER EXTENSION azure_storage UPDATE',
      "COMMENT ON EXTENSION azure_storage IS 'x'",
      'ALTER EXTENSION azure_storage DROP FUNCTION azure_storage.account_list()',
    ]) {
      await expect(nobody.query(statement)).rejects.toMatchObject({ code: '42501' })
    }
    expect(await installed()).toBe(true)
  })

  it('passes azure_storage_admin on', async () => {
    const role = await stack.createRole('support')
    await admin.query(`GRANT azure_storage_admin TO ${role}`)
    const support = await stack.connect(role)
    expect((await support.query('SELECT * FROM azure_storage.account_list()')).rowCount).toBe(1)
    await admin.query(`REVOKE azure_storage_admin FROM ${role}`)
    expect(await errorOf(support.query('SELECT * FROM azure_storage.account_list()'))).toMatchObject({ code: '42501' })
  })

  it.each(["SELECT create_extension('azure_storage')", "SELECT * FROM create_extension('azure_storage')"])(
    '%s',
    async statement => {
      await admin.query('DROP EXTENSION azure_storage')
      expect(await admin.query(statement)).toMatchObject({
        command: 'SELECT',
        rowCount: 1,
        fields: [{ name: 'create_extension' }],
      })
      expect(await installed()).toBe(true)
      const refused = {
        code: '42501',
        message: 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION',
      }
      await expect(nobody.query(statement)).rejects.toMatchObject(refused)
    },
  )

  it('can be dropped', async () => {
    const role = await stack.createRole('adm', 'IN ROLE azure_pg_admin')
    await admin.query('DROP EXTENSION azure_storage')
    await (await stack.connect(role)).query('CREATE EXTENSION azure_storage')
    await stack.client.query(`DROP ROLE ${role}`)
  })
})
