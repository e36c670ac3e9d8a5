import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readAccess } from '../../src/credentials/access.ts'
import { readSealingKey } from '../../src/extension/install.ts'
import {
  CHALLENGE,
  copyOpen,
  createExtensionDatabase,
  type ExtensionDatabase,
  install,
  openedCredential,
} from '../support/extension.ts'
import { servers } from '../support/servers.ts'

const URL = 'https://acct.blob.core.windows.net/box/a.csv'

describe.each(servers)('copy_open on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  let role: string
  let session: pg.Client
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
    await database.admin.query("SELECT azure_storage.account_add('acct', 'key')")
    role = await database.createRole('app')
    session = await database.connectAs(role)
  })
  afterEach(() => database.drop())

  const open = async (client: pg.Client, account = 'acct', container = 'box', own = false) =>
    (await copyOpen(client, account, { container, own, statement: `COPY t TO '${URL}'` })).told
  const allow = (user: string) => database.admin.query(`SELECT azure_storage.account_user_add('acct', '${user}')`)
  const refused = () =>
    expect.objectContaining({
      message: `azure_storage: current user ${role} is not allowed to use storage account acct`,
      code: '42501',
    })

  test('a role that was granted the account gets its credential, sealed', async () => {
    await expect(open(session)).rejects.toEqual(refused())
    await allow(role)
    expect(await open(session)).toMatchObject({
      account: 'acct',
      grant: { auth_type: 'access-key', passphrase: null },
      statement_timeout_ms: 0,
      block_size_mb: expect.any(Number),
    })
    expect(await openedCredential(database.admin, 'acct')).toBe('key')
    await database.admin.query(`SELECT azure_storage.account_user_remove('acct', '${role}')`)
    await expect(open(session)).rejects.toEqual(refused())
  })

  test('so does a member of a granted role, a storage admin and a superuser', async () => {
    const group = await database.createRole('grp')
    await allow(group)
    await database.admin.query(`GRANT ${group} TO ${role}`)
    expect(await open(session)).toHaveProperty('grant.sealed')
    const admin = await database.connectAs(await database.createRole('storage', 'IN ROLE azure_pg_admin'))
    expect(await open(admin)).toHaveProperty('grant.sealed')
    expect(await open(database.admin)).toHaveProperty('grant.sealed')
  })

  test('current_user decides, not the login', async () => {
    await database.admin.query(`SET ROLE ${role}`)
    await expect(open(database.admin)).rejects.toEqual(refused())
    await database.admin.query('RESET ROLE')
    const owner = await database.createRole('owner')
    await allow(owner)
    await database.admin.query(`
      CREATE FUNCTION public.chain() RETURNS text LANGUAGE sql SECURITY DEFINER
        AS $$ SELECT access FROM azure_storage_private.copy_open('acct', 'box', '', false, '${CHALLENGE}') $$;
      ALTER FUNCTION public.chain() OWNER TO ${owner}`)
    const { chain } = (await session.query('SELECT public.chain()')).rows[0]
    expect(JSON.parse(Buffer.from(chain, 'hex').toString())).toHaveProperty('grant.auth_type', 'access-key')
  })

  test('what it tells is proved, for one challenge', async () => {
    await allow(role)
    const key = await readSealingKey(database.admin)
    const { text, proof, told } = await copyOpen(session, 'acct')
    const question = { account: 'acct', challenge: CHALLENGE, pid: told.pid, database: database.name }
    expect(readAccess(text, proof, question, key).grant).toMatchObject({ authType: 'access-key' })
    const other = 'f'.repeat(32)
    expect(() => readAccess(text, proof, { ...question, challenge: other }, key)).toThrow('cannot grant the use')
    expect((await copyOpen(session, 'acct', { challenge: other })).proof).not.toBe(proof)
  })

  test('a challenge is 32 hexadecimal digits, and nothing longer', async () => {
    await allow(role)
    for (const challenge of [
      '',
      'c0ffee',
      `${CHALLENGE}|acct`,
      `${CHALLENGE}0`,
      CHALLENGE.toUpperCase(),
      `${CHALLENGE}\n`,
    ]) {
      await expect(copyOpen(session, 'acct', { challenge })).rejects.toMatchObject({ code: '22023' })
    }
  })

  test('a managed identity has nothing sealed', async () => {
    await database.admin.query(
      "SELECT azure_storage.account_add(azure_storage.account_options_managed_identity('robot', 'blob'))",
    )
    expect((await open(database.admin, 'robot')).grant).toEqual({
      auth_type: 'managed-identity',
      sealed: null,
      passphrase: null,
    })
  })

  test('an unregistered account is reached anonymously, unless that is off', async () => {
    expect(await open(session, 'other')).toMatchObject({ grant: null })
    await session.query('SET azure_storage.public_account_access = off')
    await expect(open(session, 'other')).rejects.toMatchObject({
      message: 'azure_storage: missing storage credentials',
      code: '28000',
      hint: "Use SELECT azure_storage.account_add('<account name>', '<access key>')",
    })
  })

  test('credentials of its own need no grant', async () => {
    expect(await open(session, 'acct', 'box', true)).toMatchObject({ grant: null })
  })

  test('no network access is refused first', async () => {
    await session.query('SET azure_storage.allow_network_access = off')
    await expect(open(session, 'BAD')).rejects.toMatchObject({
      message: 'azure_storage: network access is disabled',
      code: '42501',
    })
  })

  test('a container name that Azure refuses is named', async () => {
    for (const container of ['AB', 'a', 'under_score', '-a', 'a-', 'a--b', 'x'.repeat(64), '$other', '', 'box\n']) {
      await expect(open(session, 'acct', container, true)).rejects.toMatchObject({
        message: `azure_storage: invalid container name: ${container}`,
        code: '22023',
      })
    }
    for (const container of ['abc', 'a-b-c', '123', 'x'.repeat(63), '$root', '$web', '$logs']) {
      expect(await open(session, 'acct', container, true)).toMatchObject({ grant: null })
    }
  })

  test('a bad account name comes before a bad container', async () => {
    await expect(open(session, 'A', 'B')).rejects.toMatchObject({
      message: 'azure_storage: invalid storage account name: A',
    })
  })

  test('COPY with URLs switched off: PostgreSQL itself refuses', async () => {
    for (const client of [session, database.admin]) {
      await client.query('CREATE TEMP TABLE t (a int)')
      const native = await client.query(`COPY t TO '${URL}'`).catch(error => error)
      await client.query('SET azure_storage.enable_copy_command = off')
      await expect(open(client)).rejects.toMatchObject({ message: native.message, code: native.code })
    }
  })

  test('the settings of the session come along', async () => {
    for (const [timeout, ms] of [
      ['0', 0],
      ['100ms', 100],
      ['90s', 90_000],
      ['25h', 90_000_000],
      ['2147483647', 2_147_483_647],
    ]) {
      await session.query(`SET statement_timeout = '${timeout}'; SET azure_storage.blob_block_size_mb = 4`)
      expect(await open(session, 'other')).toMatchObject({ statement_timeout_ms: ms, block_size_mb: 4 })
    }
  })

  test('a bad setting is an error', async () => {
    for (const [name, value, message] of [
      ['blob_block_size_mb', '0', 'invalid value for parameter "azure_storage.blob_block_size_mb": "0"'],
      ['blob_block_size_mb', 'many', 'invalid value for parameter "azure_storage.blob_block_size_mb": "many"'],
      ['blob_block_size_mb', '4001', 'invalid value for parameter "azure_storage.blob_block_size_mb": "4001"'],
      ['allow_network_access', 'maybe', 'parameter "azure_storage.allow_network_access" requires a Boolean value'],
    ]) {
      await session.query(`RESET ALL; SET azure_storage.${name} = '${value}'`)
      await expect(open(session, 'other')).rejects.toMatchObject({ code: '22023', message })
    }
  })

  test('it works in READ ONLY and SERIALIZABLE transactions and with nothing set', async () => {
    await allow(role)
    await session.query('RESET ALL; BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY')
    expect(await open(session)).toHaveProperty('grant.sealed')
    await session.query('COMMIT')
  })

  test('nothing in search_path shadows what it calls', async () => {
    await allow(role)
    await database.admin.query(`CREATE SCHEMA evil AUTHORIZATION ${role}`)
    await session.query(`
      CREATE FUNCTION evil.pg_has_role(name, name, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';
      CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT (1/0)::text $$;
      CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';
      CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
      CREATE OPERATOR evil.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
      SET search_path = evil, pg_catalog`)
    expect(await open(session)).toHaveProperty('grant.sealed')
  })

  test('an account added in the same transaction counts', async () => {
    await database.admin.query("BEGIN; SELECT azure_storage.account_add('fresh', 'key')")
    expect(await open(database.admin, 'fresh')).toMatchObject({ grant: { auth_type: 'access-key' } })
    await database.admin.query('ROLLBACK')
  })
})
