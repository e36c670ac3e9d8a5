import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createExtensionDatabase,
  type ExtensionDatabase,
  install,
  openedCredential as open,
} from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('azure_storage.credential_encryption_key on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterEach(() => database.drop())

  const setPassphrase = async (passphrase: string): Promise<pg.Client> => {
    await database.admin.query(
      `ALTER DATABASE ${database.name} SET azure_storage.credential_encryption_key = '${passphrase}'`,
    )
    return database.connectAs('postgres')
  }
  const prefix = async (account: string) =>
    (
      await database.admin.query(
        'SELECT left(sealed_credentials, 2) AS p FROM azure_storage.accounts WHERE account_name = $1',
        [account],
      )
    ).rows[0].p
  const encryptExisting = async (session: pg.Client) =>
    (await session.query('SELECT azure_storage.account_encrypt_existing_credentials() AS n')).rows[0].n

  test('new credentials are encrypted with it, the others on demand', async () => {
    await database.admin.query("SELECT azure_storage.account_add('old', $1)", ['é'.repeat(50)])
    expect(await encryptExisting(database.admin)).toBe('0')
    const session = await setPassphrase('one')
    await session.query("SELECT azure_storage.account_add('new', 'key')")
    expect([await prefix('old'), await prefix('new')]).toEqual(['s1', 'p1'])
    expect([await open(session, 'old'), await open(session, 'new')]).toEqual(['é'.repeat(50), 'key'])
    expect(await encryptExisting(session)).toBe('1')
    expect(await encryptExisting(session)).toBe('0')
    expect(await prefix('old')).toBe('p1')
    expect(await open(session, 'old')).toBe('é'.repeat(50))
  })

  test('after it has changed, an account must be added again', async () => {
    const before = await setPassphrase('one')
    await before.query("SELECT azure_storage.account_add('acct', 'key')")
    const after = await setPassphrase('two')
    await expect(open(after, 'acct')).rejects.toMatchObject({
      message: 'azure_storage: storage credentials invalid format',
      code: '22023',
    })
    await after.query("SELECT azure_storage.account_add('acct', 'key')")
    expect(await open(after, 'acct')).toBe('key')
  })

  test('a damaged credential stops the conversion', async () => {
    await database.admin.query(
      "SELECT azure_storage.account_add('acct', 'key'), azure_storage.account_add('other', 'key')",
    )
    await database.admin.query(`UPDATE azure_storage.accounts AS a SET sealed_credentials = b.sealed_credentials
      FROM azure_storage.accounts AS b WHERE a.account_name = 'acct' AND b.account_name = 'other'`)
    await expect(encryptExisting(await setPassphrase('one'))).rejects.toMatchObject({
      message: 'azure_storage: storage credentials invalid format',
      detail: 'The account is acct.',
    })
  })
})
