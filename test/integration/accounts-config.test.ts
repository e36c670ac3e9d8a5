import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('jsonb configurations on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeAll(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterAll(() => database.drop())

  const add = async (config: string) => {
    await database.admin.query('BEGIN')
    try {
      await database.admin.query(`SELECT azure_storage.account_add(${config})`)
      return (await database.admin.query('SELECT azure_storage.account_list() AS a')).rows[0].a
    } finally {
      await database.admin.query('ROLLBACK')
    }
  }

  test.each([
    ["account_options_managed_identity('acct', 'blob')", { name: 'acct', type: 'blob' }],
    ["account_options_credentials('acct', 'key', 'blob')", { name: 'acct', credentials: 'key', type: 'blob' }],
    [
      "account_options('acct', 'managed-identity', 'blob')",
      { name: 'acct', auth_type: 'managed-identity', storage_type: 'blob' },
    ],
    [
      "account_options('acct', 'access-key', 'blob', credentials => 'key')",
      { name: 'acct', auth_type: 'access-key', storage_type: 'blob', credentials: 'key' },
    ],
    ["options_csv_get(delimiter := '|', header := 'true')", { delimiter: '|', header: true }],
    ["options_csv_put(quote => '~', force_quote => '{a,b}')", { quote: '~', force_quote: ['a', 'b'] }],
    [
      "options_copy('|', 'N', false, '\"', '\\', '{a}', '{b}', '{c}', 'latin1')",
      {
        delimiter: '|',
        null_string: 'N',
        header: false,
        quote: '"',
        escape: '\\',
        force_quote: ['a'],
        force_not_null: ['b'],
        force_null: ['c'],
        content_encoding: 'latin1',
      },
    ],
    ["options_tsv(null_string => '')", { null_string: '' }],
    ["options_binary('utf8')", { content_encoding: 'utf8' }],
    ['options_parquet()', {}],
  ])('%s, by anybody', async (call, expected) => {
    const session = await database.connectAs(await database.createRole('nobody'))
    expect((await session.query(`SELECT azure_storage.${call} AS options`)).rows).toEqual([{ options: expected }])
  })

  test.each([
    ["azure_storage.account_options_managed_identity('acct', 'blob')", '(acct,managed-identity,blob,{})'],
    ["azure_storage.account_options_credentials('acct', 'key', 'blob')", '(acct,access-key,blob,{})'],
    ["azure_storage.account_options('acct', 'access-key', 'blob', 'key')", '(acct,access-key,blob,{})'],
    ["azure_storage.account_options('acct', 'managed-identity', 'blob')", '(acct,managed-identity,blob,{})'],
    [`'{"name": "acct"}'::jsonb`, '(acct,managed-identity,blob,{})'],
    [`'{"name": "acct", "credentials": "k", "type": null}'::jsonb`, '(acct,access-key,blob,{})'],
  ])('account_add takes %s', async (config, account) => {
    expect(await add(config)).toBe(account)
  })

  test.each([
    ['{"name": "acct", "key": "SECRET"}', 'azure_storage: unknown account configuration key: "key"'],
    ['{"name": 1}', 'azure_storage: invalid value of account configuration key "name"'],
    [
      '{"name": "acct", "auth_type": "SECRET"}',
      'azure_storage: invalid value of account configuration key "auth_type"',
    ],
    ['{"name": "acct", "type": "queue"}', 'azure_storage: invalid value of account configuration key "type"'],
    [
      '{"name": "acct", "storage_type": {}}',
      'azure_storage: invalid value of account configuration key "storage_type"',
    ],
    [
      '{"name": "acct", "credentials": ["SECRET"]}',
      'azure_storage: invalid value of account configuration key "credentials"',
    ],
    [
      '{"name": "acct", "auth_type": "access-key"}',
      'azure_storage: account configuration key "credentials" is required by auth_type "access-key"',
    ],
    [
      '{"name": "acct", "auth_type": "managed-identity", "credentials": "SECRET"}',
      'azure_storage: account configuration key "credentials" does not go with auth_type "managed-identity"',
    ],
    ['{"credentials": "SECRET"}', 'azure_storage: invalid storage account name: NULL'],
    ['["acct"]', 'azure_storage: account configuration must be a JSON object'],
  ])('account_add refuses %s', async (config, message) => {
    const failure = await add(`'${config}'::jsonb`).catch(error => error)
    expect(failure).toMatchObject({ code: '22023', message })
    expect(`${failure.detail} ${failure.hint} ${failure.where}`).not.toContain('SECRET')
  })
})
