import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blockSize } from '../../src/sql/settings.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

const DEFAULTS = {
  'azure_storage.allow_network_access': 'on',
  'azure_storage.blob_block_size_mb': expect.stringMatching(/^\d{3,4}$/),
  'azure_storage.credential_encryption_key': '',
  'azure_storage.enable_copy_command': 'on',
  'azure_storage.log_level': 'log',
  'azure_storage.public_account_access': 'on',
}
const LEVELS = 'debug5, debug4, debug3, debug2, debug1, info, notice, warning, error, log, fatal, panic'

it('the size of blocks is that of Microsoft’s table', () => {
  const table = { 2: 128, 4: 128, 8: 256, 16: 512, 32: 1024, 48: 1536, 64: 2048, 80: 2560, 128: 3072, 672: 3072 }
  for (const [gibibytes, size] of Object.entries(table)) expect(blockSize(Number(gibibytes) * 2 ** 30)).toBe(size)
})

describe.each(servers)('settings on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  beforeEach(async () => {
    stack = await startCopyStack(server)
    client = await stack.connect(await stack.createRole('user'))
  })
  afterEach(() => stack.close())
  const shown = async (session: pg.Client) => {
    const all: Record<string, string> = {}
    for (const name of Object.keys(DEFAULTS)) Object.assign(all, (await session.query(`SHOW ${name}`)).rows[0])
    return all
  }

  it('are shown with their defaults, also before CREATE EXTENSION and after RESET ALL', async () => {
    await stack.client.query('DROP EXTENSION azure_storage')
    expect(await shown(client)).toEqual(DEFAULTS)
    await stack.client.query('CREATE EXTENSION azure_storage')
    expect(await shown(stack.client)).toEqual(DEFAULTS)
    await client.query('SET azure_storage.log_level = debug1; RESET ALL')
    expect(await shown(client)).toEqual(DEFAULTS)
  })

  it('in pg_settings and in psql', async () => {
    const { rows } = await client.query(
      "SELECT name, setting FROM pg_settings WHERE name ~ '^azure_storage' ORDER BY 1",
    )
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual(DEFAULTS)
    const others =
      "SELECT * FROM pg_settings WHERE name !~ '^(azure_storage|plpgsql)[.]' AND category !~ 'Client' ORDER BY name"
    const direct = await adminQuery(server, others, stack.database.name)
    expect((await stack.client.query(others)).rows).toEqual(direct.rows)
    const { stdout } = await psql(stack.url(), ['-X', '-A', '-t', '-c', '\\dconfig azure_storage.*_level'])
    expect(stdout).toBe('azure_storage.log_level|log\n')
  })

  it('what is set for the database, or the role in it, is in force', async () => {
    const set = `ALTER DATABASE ${stack.database.name} SET azure_storage.allow_network_access = off`
    await stack.client.query(`${set}; ALTER ROLE ${client.user} SET "azure_storage.Log_Level" = info`)
    const session = await stack.connect(client.user)
    expect(await shown(session)).toEqual({
      ...DEFAULTS,
      'azure_storage.allow_network_access': 'off',
      'azure_storage.log_level': 'info',
    })
  })

  it('wrong values are refused where they are set', async () => {
    const bool = { code: '22023', message: 'parameter "azure_storage.allow_network_access" requires a Boolean value' }
    const level = {
      code: '22023',
      message: 'invalid value for parameter "azure_storage.log_level": "loud"',
      hint: `Available values: ${LEVELS}.`,
    }
    const fixed = { code: '55P02', message: 'parameter "azure_storage.blob_block_size_mb" cannot be changed' }
    const { database } = stack
    for (const [prefix, suffix] of [
      ['SET', ''],
      ['SET LOCAL', ''],
      ['SELECT 1; SET SESSION', ''],
      [`ALTER DATABASE ${database.name} SET`, ''],
      ['ALTER ROLE postgres SET', ''],
      [`ALTER ROLE postgres IN DATABASE ${database.name} SET`, ''],
      ['CREATE FUNCTION f() RETURNS int LANGUAGE sql SET', " AS 'SELECT 1'"],
    ]) {
      const set = (assignment: string) => errorOf(stack.client.query(`${prefix} ${assignment}${suffix}`))
      expect(await set('azure_storage.allow_network_access = maybe')).toMatchObject(bool)
      expect(await set("Azure_Storage.LOG_LEVEL TO 'loud'")).toMatchObject(level)
      expect(await set('azure_storage.blob_block_size_mb = 1')).toMatchObject(fixed)
      expect(await set('azure_storage.blob_block_size_mb TO DEFAULT')).toMatchObject(fixed)
    }
    expect(
      await errorOf(client.query("SELECT set_config('azure_storage.allow_network_access', 'maybe', false)")),
    ).toMatchObject(bool)
    const prepared = { name: 'set', text: 'SET azure_storage.allow_network_access = maybe' }
    expect(await errorOf(client.query(prepared))).toMatchObject(bool)
    expect(await errorOf(client.query('RESET azure_storage.blob_block_size_mb'))).toMatchObject(fixed)
  })

  it('right ones are not', async () => {
    for (const value of ['on', 'OFF', "'t'", 'false', '1', '0', 'Y', "'of'"]) {
      await client.query(`SET azure_storage.public_account_access = ${value}`)
    }
    for (const value of LEVELS.split(', ')) await client.query(`SET azure_storage.log_level = '${value}'`)
    await client.query('SET azure_storage.log_level TO DEFAULT; RESET azure_storage.public_account_access')
    expect(await shown(client)).toEqual(DEFAULTS)
  })

  it('nor in the startup packet', async () => {
    const options = (setting: string) => stack.connect(client.user, { options: `-c azure_storage.${setting}` })
    expect(await errorOf(options('allow_network_access=maybe'))).toMatchObject({ code: '22023', severity: 'FATAL' })
    expect(await errorOf(options('log-level=loud'))).toMatchObject({ code: '22023', severity: 'FATAL' })
    expect(await errorOf(options('blob_block_size_mb=1'))).toMatchObject({ code: '55P02', severity: 'FATAL' })
    expect(await shown(await options('log_level=info'))).toMatchObject({ 'azure_storage.log_level': 'info' })
  })
})
