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

  test('what a plain role gets out of the private functions that it may call', async () => {
    const refusal = `42501 azure_storage: current user ${session('none').user} is not allowed to use storage account ${account.name}`
    const over = '55000 azure_storage: the upload is over'
    const a = `'${account.name}'`
    const request = `'{"container": "box", "path": "a", "decoder": "csv", "encoder": "csv", "columns": []}'`
    const calls: Record<string, string> = {
      [`copy_open(${a}, 'box', 'SELECT 1', false, '${'0'.repeat(32)}')`]: refusal,
      [`copy_access(c, ${a}, 'box', false, '${'0'.repeat(32)}')`]: refusal,
      [`list_open(c, ${a}, 'box', '')`]: refusal,
      [`get_open(c, ${a}, ${request}, '[{"type": "text"}]', false)`]: refusal,
      [`put_open(c, ${a}, ${request})`]: refusal,
      "put_send(E'DATA t AAAAAAAAAAAA 0123456789abcdef\\nx')": over,
      "put_send(E'DATA t AAAAAAAAAAAA host=127.0.0.1 x\\nx')": over,
      "put_send('SELECT 1')": over,
      'put_send(NULL)': over,
      "close_connection('x')": 'done',
    }
    const actual: Record<string, string> = {}
    for (const call of Object.keys(calls)) {
      const sql = `SELECT azure_storage_private.${call} FROM azure_storage_private.caller AS c`
      actual[call] = await outcomeOf(session('none'), sql)
    }
    expect(actual).toEqual(calls)
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
