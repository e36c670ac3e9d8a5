import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('managing accounts on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  let storageAdmin: pg.Client
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
    storageAdmin = await database.connectAs(await database.createRole('storage', 'IN ROLE azure_storage_admin'))
  })
  afterEach(() => database.drop())

  const list = async () => (await storageAdmin.query('SELECT azure_storage.account_list() AS a')).rows.map(row => row.a)

  test('an account is added, shared with a role and removed', async () => {
    const support = await database.createRole('support')
    const added = await storageAdmin.query("SELECT azure_storage.account_add('mystorageaccount', 'c2VjcmV0')")
    expect(added.rows).toEqual([{ account_add: '' }])
    expect(await list()).toEqual(['(mystorageaccount,access-key,blob,{})'])
    const shared = await storageAdmin.query(
      `SELECT * FROM azure_storage.account_user_add('mystorageaccount', '${support}')`,
    )
    expect(shared.rows).toEqual([{ account_user_add: '' }])
    expect(await list()).toEqual([`(mystorageaccount,access-key,blob,{${support}})`])
    await storageAdmin.query(`SELECT azure_storage.account_user_remove('mystorageaccount', '${support}')`)
    expect(await list()).toEqual(['(mystorageaccount,access-key,blob,{})'])
    await storageAdmin.query("SELECT azure_storage.account_remove('mystorageaccount')")
    expect(await list()).toEqual([])
  })

  test('adding it again changes the credential and keeps the allowed users', async () => {
    const support = await database.createRole('support')
    await storageAdmin.query("SELECT azure_storage.account_add('acct', 'one')")
    await storageAdmin.query(`SELECT azure_storage.account_user_add('acct', '${support}')`)
    await storageAdmin.query(`SELECT azure_storage.account_user_add('acct', '${support}')`)
    await storageAdmin.query(
      "SELECT azure_storage.account_add(azure_storage.account_options_managed_identity('acct', 'blob'))",
    )
    expect(await list()).toEqual([`(acct,managed-identity,blob,{${support}})`])
  })

  test('a name that Azure refuses is named', async () => {
    for (const name of ['ab', 'x'.repeat(25), 'Upper', 'with-hyphen', 'tail\n', '']) {
      await expect(storageAdmin.query('SELECT azure_storage.account_add($1, $2)', [name, 'key'])).rejects.toMatchObject(
        {
          message: `azure_storage: invalid storage account name: ${name}`,
          code: '22023',
        },
      )
    }
  })

  test('an unknown account or role is named', async () => {
    const unknown = { code: '42704', message: 'azure_storage: storage account gone is not registered' }
    await expect(storageAdmin.query("SELECT azure_storage.account_remove('gone')")).rejects.toMatchObject(unknown)
    for (const verb of ['add', 'remove']) {
      const call = `SELECT azure_storage.account_user_${verb}`
      await expect(storageAdmin.query(`${call}('gone', 'azure_pg_admin')`)).rejects.toMatchObject(unknown)
    }
    await storageAdmin.query("SELECT azure_storage.account_add('acct', 'key')")
    for (const role of ['no_such_role', '4000000000']) {
      await expect(
        storageAdmin.query(`SELECT azure_storage.account_user_add('acct', '${role}')`),
      ).rejects.toMatchObject({
        code: '42704',
        message: `role "${role}" does not exist`,
      })
    }
  })

  test('a NULL key is refused', async () => {
    await expect(storageAdmin.query("SELECT azure_storage.account_add('acct', NULL::text)")).rejects.toMatchObject({
      message: 'account_key_p argument is required',
    })
  })
})
