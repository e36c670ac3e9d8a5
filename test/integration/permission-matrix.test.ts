import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type Operation, statementOf } from '../support/storage-operations.ts'

type Right = 'manage' | 'use' | 'nothing'

/**
 * Membership counts, inherited or not, for who may use an account. Managing them is a matter of EXECUTE privileges,
 * which PostgreSQL gives to those who inherit.
 */
const ROLES: Readonly<Record<string, { options: string; may: readonly Right[] }>> = {
  superuser: { options: 'SUPERUSER', may: ['manage', 'use'] },
  'storage admin': { options: 'IN ROLE azure_storage_admin', may: ['manage', 'use'] },
  'storage admin by azure_pg_admin': { options: 'IN ROLE azure_pg_admin', may: ['manage', 'use'] },
  'storage admin, NOINHERIT': { options: 'NOINHERIT IN ROLE azure_storage_admin', may: ['use'] },
  granted: { options: '', may: ['use'] },
  'member of granted': { options: 'IN ROLE $granted', may: ['use'] },
  'member of granted, NOINHERIT': { options: 'NOINHERIT IN ROLE $granted', may: ['use'] },
  none: { options: '', may: [] },
}

const MANAGING: Readonly<Record<string, string>> = {
  'account_add(text, text)': "account_add('another', 'a2V5')",
  'account_add(jsonb)': `account_add('{"name": "another", "type": "blob"}'::jsonb)`,
  account_remove: `account_remove('${account.name}')`,
  account_user_add: `account_user_add('${account.name}', 'azure_pg_admin'::text::regrole)`,
  account_user_remove: `account_user_remove('${account.name}', 'azure_pg_admin'::text::regrole)`,
  account_list: 'account_list()',
  account_encrypt_existing_credentials: 'account_encrypt_existing_credentials()',
}
const HELPING: Readonly<Record<string, string>> = {
  account_options_managed_identity: "account_options_managed_identity('another', 'blob')",
  account_options_credentials: "account_options_credentials('another', 'a2V5', 'blob')",
  account_options: "account_options('another', 'access-key', 'blob', 'a2V5')",
  options_copy: "options_copy(delimiter => ';')",
  options_csv_get: "options_csv_get(delimiter => ';')",
  options_csv_put: "options_csv_put(delimiter => ';')",
  options_tsv: "options_tsv(delimiter => ';')",
  options_binary: "options_binary(content_encoding => 'UTF8')",
  options_parquet: 'options_parquet()',
}

/** How a statement comes to run with `role` as its current user. */
const WAYS = ['direct', 'SET ROLE', 'SET SESSION AUTHORIZATION', 'SECURITY DEFINER', 'view'] as const

describe.each(servers)('who may do what on PostgreSQL $version', server => {
  let stack: CopyStack
  /** What roles are called, by what they are. */
  const names: Record<string, string> = {}
  /** Sessions of the superuser, and of somebody who may do nothing. */
  let powerful: pg.Client
  let powerless: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('a.csv', '1\n')
    for (const [what, { options }] of Object.entries(ROLES)) {
      const resolved = options.replace(/\$(.*)/, (_, role) => names[role] as string)
      names[what] = await stack.createRole('matrix', resolved)
    }
    await stack.client.query(`
      SELECT azure_storage.account_user_add('${account.name}', '${names.granted}');
      CREATE TABLE t (a int);
      INSERT INTO t VALUES (1);
      CREATE FUNCTION no_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      GRANT ALL ON t TO PUBLIC`)
    for (const role of Object.values(names)) {
      await stack.client.query(`
        CREATE FUNCTION as_${role}(text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
          AS 'BEGIN EXECUTE $1; END';
        ALTER FUNCTION as_${role} OWNER TO ${role}`)
    }
    // Through the proxy, a credential in a view would be sealed for that session.
    const direct = new pg.Client({ connectionString: stack.database.url })
    await direct.connect()
    for (const [owner, role] of [
      ['powerful', server.superuser],
      ['powerless', names.none],
    ]) {
      const views = Object.entries(operations()).map(([name, { view }]) => {
        const quoted = `"${name} of the ${owner}"`
        const trigger = name.startsWith('COPY')
          ? `CREATE TRIGGER insert INSTEAD OF INSERT ON ${quoted} FOR EACH ROW EXECUTE FUNCTION no_row();`
          : ''
        return `CREATE VIEW ${quoted} AS ${view}; ALTER VIEW ${quoted} OWNER TO ${role}; GRANT ALL ON ${quoted} TO PUBLIC; ${trigger}`
      })
      await direct.query(views.join('\n'))
    }
    await direct.end()
    powerful = await stack.connect()
    powerless = await stack.connect(names.none)
  })
  afterAll(() => stack.close())

  /** The statement of each operation, and what a view is of to have it done by who reads it. */
  const operations = (): Record<string, { needs: Right; statement: string; view: string; copiesFrom?: boolean }> => {
    const target = {
      account: account.name,
      container: stack.container.containerName,
      path: 'a.csv',
      table: 'public.t',
      columns: 'a int',
    }
    const blob = `'${account.name}', '${target.container}', 'a.csv'`
    const call = (needs: Right) => (expression: string) => {
      const statement = `SELECT azure_storage.${expression}::text AS done`
      return { needs, statement, view: statement }
    }
    const of = (operation: Operation) => {
      const statement = statementOf(operation, target)
      return { needs: 'use' as const, statement, view: operation.startsWith('COPY') ? 'TABLE t' : statement }
    }
    const mapped = (calls: Readonly<Record<string, string>>, needs: Right) =>
      Object.fromEntries(Object.entries(calls).map(([name, expression]) => [name, call(needs)(expression)]))
    return {
      ...mapped(MANAGING, 'manage'),
      ...mapped(HELPING, 'nothing'),
      blob_list: of('blob_list'),
      'blob_get(record)': of('blob_get'),
      'blob_get(anyelement)': call('use')(`blob_get(${blob}, NULL::public.t)`),
      'blob_put(tuple)': call('use')(`blob_put(${blob}, row(1))`),
      'blob_put(tuple, encoder)': call('use')(`blob_put(${blob}, row(1), 'csv')`),
      'blob_put(tuple, encoder, compression)': call('use')(`blob_put(${blob}, row(1), 'csv', 'none')`),
      'blob_put(tuple, encoder, compression, options)': call('use')(`blob_put(${blob}, row(1), 'csv', 'none', '{}')`),
      'COPY FROM': of('COPY FROM'),
      'COPY TO': of('COPY TO'),
    }
  }

  async function outcomeOf(session: pg.Client, statement: string): Promise<string> {
    try {
      const results = (await session.query(`BEGIN; ${statement}; ROLLBACK`)) as unknown as pg.QueryResult[]
      return results[1]?.rowCount ? 'done' : 'nothing done'
    } catch (error) {
      await session.query('ROLLBACK')
      return `${(error as pg.DatabaseError).code} ${(error as Error).message}`
    }
  }

  test.each(Object.keys(ROLES).flatMap(what => WAYS.map(way => [what, way] as const)))('%s: %s', async (what, way) => {
    const role = names[what] as string
    const { may } = ROLES[what] as (typeof ROLES)[string]
    const session = way === 'direct' || way === 'view' ? await stack.connect(role) : powerful
    if (way.startsWith('SET')) await session.query(`${way} ${role}`)
    const actual: Record<string, string> = {}
    const expected: Record<string, unknown> = {}
    for (const [name, { needs, statement }] of Object.entries(operations())) {
      const isAllowed = needs === 'nothing' || may.includes(needs)
      const refusal =
        needs === 'manage'
          ? `42501 permission denied for function ${name.replace(/\(.*/, '')}`
          : `42501 azure_storage: current user ${role} is not allowed to use storage account ${account.name}`
      expected[name] = isAllowed ? 'done' : refusal
      // Owner of the view and caller of the function are who could not do it, or could, were they the one who counts.
      if (way === 'SECURITY DEFINER') {
        if (name.startsWith('COPY')) expected[name] = expect.stringMatching(/^(42501|42602|58P01) (?!azure_storage)/)
        actual[name] = await outcomeOf(isAllowed ? powerless : powerful, `SELECT as_${role}($$${statement}$$)`)
      } else if (way === 'view') {
        const view = `"${name} of the ${isAllowed ? 'powerless' : 'powerful'}"`
        actual[name] = await outcomeOf(
          session,
          name.startsWith('COPY') ? statement.replace('public.t', view) : `TABLE ${view}`,
        )
      } else actual[name] = await outcomeOf(session, statement)
    }
    if (session === powerful) await session.query('RESET SESSION AUTHORIZATION; RESET ROLE')
    expect(actual).toEqual(expected)
  })
})
