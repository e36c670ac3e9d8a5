import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { needTool } from '../support/tools.ts'

const run = promisify(execFile)

const TABLES = ['azure_storage.accounts', 'azure_storage_private.account_users'] as const
const VERBS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] as const

const ROLES: Readonly<Record<string, { options: string; may: readonly (typeof VERBS)[number][] }>> = {
  superuser: { options: 'SUPERUSER', may: VERBS },
  // What a dump and its restore take; nothing in it is clear.
  'storage admin': { options: 'IN ROLE azure_storage_admin', may: ['SELECT', 'INSERT'] },
  'storage admin by azure_pg_admin': { options: 'IN ROLE azure_pg_admin', may: ['SELECT', 'INSERT'] },
  'storage admin, NOINHERIT': { options: 'NOINHERIT IN ROLE azure_storage_admin', may: [] },
  'member of pg_read_all_data': { options: 'IN ROLE pg_read_all_data', may: ['SELECT'] },
  // UPDATE reads too, in a statement that is of any use.
  'member of pg_write_all_data': { options: 'IN ROLE pg_write_all_data', may: ['INSERT', 'DELETE'] },
  granted: { options: '', may: [] },
  none: { options: 'CREATEROLE CREATEDB', may: [] },
}

describe.each(servers)('tables and functions behind the accounts on PostgreSQL $version', server => {
  let stack: CopyStack
  const sessions: Record<string, pg.Client> = {}
  beforeAll(async () => {
    stack = await startCopyStack(server)
    for (const [what, { options }] of Object.entries(ROLES)) {
      sessions[what] = await stack.connect(await stack.createRole('tables', options))
    }
    await stack.client.query(`SELECT azure_storage.account_user_add('${account.name}', '${sessions.granted?.user}')`)
  })
  afterAll(() => stack.close())

  const session = (what: string) => sessions[what] as pg.Client

  async function outcomeOf(client: pg.Client, sql: string): Promise<string> {
    const outcome = await client.query(`BEGIN; ${sql}`).then(
      () => 'done',
      error => `${error.code} ${error.message}`,
    )
    await client.query('ROLLBACK')
    return outcome
  }

  test.each(Object.keys(ROLES))('%s: what it may do with the tables', async what => {
    const actual: Record<string, string> = {}
    const expected: Record<string, string> = {}
    for (const table of TABLES) {
      const statements: Record<(typeof VERBS)[number], string> = {
        SELECT: `TABLE ${table}`,
        INSERT: table.endsWith('accounts')
          ? `INSERT INTO ${table} VALUES ('another', 'managed-identity', 'blob')`
          : `INSERT INTO ${table} VALUES ('${account.name}', 'pg_monitor')`,
        UPDATE: `UPDATE ${table} SET account_name = account_name`,
        DELETE: `DELETE FROM ${table}`,
        TRUNCATE: `TRUNCATE ${TABLES.join(', ')}`,
      }
      for (const verb of VERBS) {
        const name = table.replace(/.*\./, '')
        const isAllowed = ROLES[what]?.may.includes(verb)
        // TRUNCATE names the first table first.
        const refused = verb === 'TRUNCATE' ? 'accounts' : name
        expected[`${verb} ${name}`] = isAllowed ? 'done' : `42501 permission denied for table ${refused}`
        actual[`${verb} ${name}`] = await outcomeOf(session(what), statements[verb])
      }
    }
    expect(actual).toEqual(expected)
  })

  test('nobody finds the key in them', async () => {
    for (const table of TABLES) {
      const { rows } = await stack.client.query(`SELECT t::text AS row FROM ${table} AS t`)
      expect(rows).toHaveLength(1)
      expect(rows[0].row).not.toContain(account.key)
    }
  })

  test('who may read the key that opens them', async () => {
    const readers: string[] = []
    for (const what of Object.keys(ROLES)) {
      for (const sql of ['TABLE azure_storage_private.sealing_key', 'TABLE pg_catalog.pg_authid']) {
        if ((await outcomeOf(session(what), sql)) === 'done') readers.push(what)
      }
    }
    // PostgreSQL lets these read every table, its catalogue of passwords included.
    const everything = ['superuser', 'member of pg_read_all_data']
    expect(new Set(readers)).toEqual(new Set(everything))
  })

  test('usable_accounts shows each what it may use, sealed', async () => {
    const shown: Record<string, number> = {}
    for (const what of Object.keys(ROLES)) {
      const { rows } = await session(what).query(
        'SELECT u::text AS row FROM azure_storage_private.usable_accounts AS u',
      )
      shown[what] = rows.length
      expect(JSON.stringify(rows)).not.toContain(account.key)
    }
    expect(shown).toEqual({
      superuser: 1,
      'storage admin': 1,
      'storage admin by azure_pg_admin': 1,
      'storage admin, NOINHERIT': 1,
      'member of pg_read_all_data': 0,
      'member of pg_write_all_data': 0,
      granted: 1,
      none: 0,
    })
  })

  // A new function that is SECURITY DEFINER, or shows what a role may not see, belongs to one of these lists.
  test('the functions that run as the superuser: closed, or harmless to call', async () => {
    const { rows } = await stack.client.query(
      `SELECT proname AS name, has_function_privilege($1, p.oid, 'EXECUTE') AS open FROM pg_proc AS p
       WHERE pronamespace = 'azure_storage_private'::regnamespace AND prosecdef ORDER BY proname COLLATE "C"`,
      [session('none').user],
    )
    const named = (open: boolean) => rows.filter(row => row.open === open).map(row => row.name)
    expect(named(false)).toEqual(['loopback_connection', 'put_commit', 'seal'])
    expect(named(true)).toEqual(['get_open', 'is_registered', 'list_open', 'put_open', 'put_send', 'speak_plainly'])
  })

  test('a plain role gets nothing useful out of the private functions that it may call', async () => {
    const refusal = `42501 azure_storage: current user ${session('none').user} is not allowed to use storage account ${account.name}`
    const unproved = `42501 azure_storage: the caller has not proved that it may use storage account ${account.name}`
    const over = '55000 azure_storage: the upload is over'
    const a = `'${account.name}'`
    const calls: Record<string, string> = {
      [`ticket(${a}, 'box')`]: refusal,
      [`credential(${a}, 'box', false, 'x')`]: refusal,
      [`copy_open(${a}, 'box', 'SELECT 1', false, 'x')`]: refusal,
      [`list_open(${a}, 'box', '', NULL)`]: unproved,
      [`list_open(${a}, 'box', '', '{"auth_type": "managed-identity", "sealed": null, "mac": ""}')`]: unproved,
      [`get_open(${a}, NULL, '{}', '[{"type": "text"}]', false)`]: unproved,
      [`put_open(${a}, NULL, '{}')`]: unproved,
      "put_send('DATA', 'tAAAAAAAAAAAA0123456789abcdefx')": over,
      "put_send('DATA', 'tAAAAAAAAAAAAhost=127.0.0.1 x')": over,
      "put_send('COMMIT', NULL)": over,
      'put_send(NULL, NULL)': over,
    }
    for (const closed of [
      `seal(${a}, 'access-key', 'x')`,
      `register(${a}, 'access-key', 'blob', 'x')`,
      'loopback_connection()',
      "authorized('GET', 'a', NULL, '{}')",
      'put_connection()',
      "put_connect('0123456789abcdef')",
      "put_commit('x')",
      "put_row('t', 'a', 'b', 'c', row(1))",
      "dblink('', '')",
      "dblink_connect('a', 'b')",
      "dblink_disconnect('a')",
      'dblink_get_connections()',
    ]) {
      calls[closed] = `42501 permission denied for function ${closed.replace(/\(.*/, '')}`
    }
    const actual: Record<string, string> = {}
    for (const call of Object.keys(calls)) {
      actual[call] = await outcomeOf(session('none'), `SELECT azure_storage_private.${call}`)
    }
    expect(actual).toEqual(calls)
    // With its own credentials it asks for none of ours.
    const own = await session('none').query(
      `SELECT sealed, auth_type, grant_mac FROM azure_storage_private.credential(${a}, 'box', true, 'x')`,
    )
    expect(own.rows).toEqual([{ sealed: null, auth_type: null, grant_mac: null }])
  })

  // pg_dump refuses a server that is newer than itself, and tests can count on version 15 only.
  test.runIf(server.version === 15)(
    'pg_dump: a storage admin gets the accounts sealed, a plain role an error',
    async () => {
      needTool('pg_dump')
      const dump = async (what: string, ...args: string[]): Promise<string> => {
        const { stdout } = await run('pg_dump', ['-d', stack.url(session(what).user), ...args])
        return stdout.replace(/^\\(un)?restrict .*$/gm, '') // a random word in each dump
      }
      const byRole = await dump('storage admin')
      expect(byRole).toBe(await dump('superuser'))
      expect(byRole).toMatch(new RegExp(`^${account.name}\taccess-key\tblob\t[a-z0-9]+:[A-Za-z0-9+/=]+$`, 'm'))
      expect(byRole).toMatch(new RegExp(`^${account.name}\t${session('granted').user}$`, 'm'))
      expect(byRole).not.toContain(account.key)
      for (const what of ['granted', 'none']) {
        const error = await errorOf(dump(what))
        expect(error.message).toContain('permission denied for table accounts')
      }
      // Its own tables it may dump all the same.
      await stack.client.query(`CREATE TABLE own AS SELECT 1 AS a; ALTER TABLE own OWNER TO ${session('none').user}`)
      expect(await dump('none', '-t', 'own')).toContain('COPY public.own (a) FROM stdin;\n1\n')
      await stack.client.query('DROP TABLE own')
    },
  )
})
