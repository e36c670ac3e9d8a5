import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('psql on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeAll(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterAll(() => database.drop())

  test('\\dx lists the extension', async () => {
    const { stdout } = await psql(database.url, '\\dx azure_storage')
    expect(stdout).toBe('azure_storage|1.9|public|Azure Storage integration for PostgreSQL\n')
  })

  test('\\dx+ lists its members', async () => {
    const { stdout } = await psql(database.url, '\\dx+ azure_storage')
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining([
        'schema azure_storage',
        'table azure_storage.accounts',
        'type azure_storage.auth_type',
        'function azure_storage.account_add(text,text)',
      ]),
    )
  })

  test('\\df shows names, results and arguments', async () => {
    const { stdout } = await psql(database.url, '\\df azure_storage.account*')
    const rows = stdout
      .trim()
      .split('\n')
      .map(line => line.split('|').slice(1, 4).join('|'))
    expect(rows).toEqual([
      'account_add|void|account_config jsonb',
      'account_add|void|account_name_p text, account_key_p text',
      'account_encrypt_existing_credentials|bigint|',
      'account_list|TABLE(account_name text, auth_type azure_storage.auth_type, azure_storage_type azure_storage.storage_type, allowed_users regrole[])|',
      'account_options|jsonb|name text, auth_type azure_storage.auth_type, storage_type azure_storage.storage_type, credentials text DEFAULT NULL::text',
      'account_options_credentials|jsonb|name text, credentials text, type azure_storage.storage_type',
      'account_options_managed_identity|jsonb|name text, type azure_storage.storage_type',
      'account_remove|void|account_name_p text',
      'account_user_add|void|account_name_p text, user_p regrole',
      'account_user_remove|void|account_name_p text, user_p regrole',
    ])
  })
})
