import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('settings on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
  })
  afterEach(() => database.drop())

  const show = async (name: string) => {
    const client = await database.connectAs('postgres')
    return Object.values((await client.query(`SHOW azure_storage.${name}`)).rows[0])[0]
  }

  test('SHOW knows each of them in a new session', async () => {
    await install(database)
    expect(await show('allow_network_access')).toBe('on')
    expect(await show('public_account_access')).toBe('on')
    expect(await show('enable_copy_command')).toBe('on')
    expect(await show('blob_block_size_mb')).toBe('128')
    expect(await show('log_level')).toBe('log')
    expect(await show('credential_encryption_key')).toBe('')
  })

  test('what the database has already is kept', async () => {
    await database.admin.query(`ALTER DATABASE ${database.name} SET "azure_storage.Allow_Network_Access" = off`)
    await install(database)
    expect(await show('allow_network_access')).toBe('off')
  })
})
