import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const ADD = 'azure_storage.account_add'
const EXPIRED = `sv=2024-11-04&sr=c&sp=r&se=2020-01-01&sig=${encodeURIComponent(Buffer.alloc(32, 7).toString('base64'))}`

describe.each(servers)('account_add warns on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  const warnings: { severity: string | undefined; message: string | undefined }[] = []
  beforeAll(async () => {
    stack = await startCopyStack(server)
    client = await stack.connect()
    client.on('notice', ({ severity, message }) => warnings.push({ severity, message }))
  })
  beforeEach(() => {
    warnings.length = 0
  })
  afterAll(() => stack.close())

  const warning = (wrong: string) => [
    { severity: 'WARNING', message: `azure_storage: the credential given for storage account "acct" ${wrong}` },
  ]
  const noKey = warning('is not an access key, which is base64 of 64 bytes, nor a SAS token, which has sv and sig')

  test('whichever way the credential is given, and the account is added all the same', async () => {
    const config = JSON.stringify({ name: 'acct', auth_type: 'access-key', type: 'blob', credentials: 'secret' })
    const statements: readonly (string | pg.QueryConfig)[] = [
      `SELECT ${ADD}('acct', 'secret')`,
      { text: `SELECT ${ADD}('acct', $1)`, values: ['secret'], name: uniqueName('s') },
      { text: `SELECT ${ADD}($1::jsonb)`, values: [config] },
      `SELECT ${ADD}(azure_storage.account_options_credentials('acct', 'secret', 'blob'))`,
      `DO $$BEGIN PERFORM ${ADD}('acct', 'secret'); END$$`,
    ]
    for (const statement of statements) {
      warnings.length = 0
      await client.query(statement)
      expect(warnings).toEqual(noKey)
      const { rows } = await client.query(
        "DELETE FROM azure_storage.accounts WHERE account_name = 'acct' RETURNING account_name",
      )
      expect(rows).toEqual([{ account_name: 'acct' }])
    }
  })

  test('of an expired SAS', async () => {
    await client.query(`SELECT ${ADD}('acct', '${EXPIRED}')`)
    expect(warnings).toEqual(warning('is a SAS token that expired at 2020-01-01T00:00:00Z'))
  })

  test('in a database of any encoding', async () => {
    const name = uniqueName('ascii')
    await client.query(`CREATE DATABASE ${name} ENCODING SQL_ASCII TEMPLATE template0`)
    const session = await stack.connect(undefined, {
      connectionString: stack.url().replace(/[^/]*$/, name),
    })
    try {
      session.on('notice', ({ severity, message }) => warnings.push({ severity, message }))
      await session.query('CREATE EXTENSION azure_storage')
      await session.query(`SELECT ${ADD}('acct', 'geheim€')`)
      expect(warnings).toEqual(noKey)
    } finally {
      await session.end()
      await client.query(`DROP DATABASE ${name}`)
    }
  })

  test('not of a key, of what is sealed already, or of a managed identity', async () => {
    await client.query(`SELECT ${ADD}('acct', 'secret')`)
    await client.query("SET azure_storage.credential_encryption_key = 'a passphrase'")
    warnings.length = 0
    await client.query('SELECT azure_storage.account_encrypt_existing_credentials()')
    await client.query(`SELECT ${ADD}('${account.name}', '${Buffer.alloc(64, 'x').toString('base64')}')`)
    await client.query(`SELECT ${ADD}(azure_storage.account_options_managed_identity('robot', 'blob'))`)
    expect(warnings).toEqual([])
  })
})
