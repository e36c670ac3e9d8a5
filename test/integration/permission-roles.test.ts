import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { OPERATIONS, type Operation, statementOf } from '../support/storage-operations.ts'

/** What a name ends or begins with; a random part keeps roles of different tests apart. */
const ODD_NAMES: ((unique: string) => string)[] = [
  unique => `a b ${unique}`,
  unique => `x";drop ${unique}`,
  unique => `it's ${unique}`,
  unique => `Ünï ${unique}`,
  unique => `Public ${unique}`,
  unique => `$1 %s \\ ${unique}`,
  unique => unique.padEnd(63, 'y'),
  unique => `123${unique.replace(/\D/g, '')}`,
  unique => `-${unique}`,
  unique => `{${unique}}`,
  unique => ` ${unique} `,
  // Not the roles that they look like.
  () => 'azure_storage_admin ',
  () => 'AZURE_STORAGE_ADMIN',
]

/** In the session itself, and in a function. */
const ONE_OF_EACH_KIND = ['COPY FROM', 'blob_list'] as const

describe.each(servers)('grants on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('a.csv', '1\n')
    await stack.client.query('CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT ALL ON t TO PUBLIC')
  })
  afterAll(() => stack.close())

  const grant = (verb: 'add' | 'remove', role: string, client = stack.client) =>
    client.query(`SELECT azure_storage.account_user_${verb}($1, quote_ident($2)::regrole)`, [account.name, role])
  const allowedUsers = async (): Promise<string> =>
    (await stack.client.query('SELECT allowed_users::text AS users FROM azure_storage.account_list()')).rows[0].users
  const refusal = (role: string) =>
    `42501 azure_storage: current user ${role} is not allowed to use storage account ${account.name}`
  const statements = (operations: readonly Operation[] = OPERATIONS) => {
    const target = { account: account.name, container: stack.container.containerName, table: 't', columns: 'a int' }
    const isWriting = (operation: Operation) => operation === 'COPY TO' || operation === 'blob_put'
    return operations.map(operation =>
      statementOf(operation, { ...target, path: isWriting(operation) ? 'out.csv' : 'a.csv' }),
    )
  }

  /** What the operations come to, when it is the same for all. */
  async function outcome(client: pg.Client, operations = OPERATIONS as readonly Operation[]): Promise<string> {
    const outcomes = new Set<string>()
    const isInTransaction = client.getTransactionStatus() === 'T'
    for (const statement of statements(operations)) {
      if (isInTransaction) await client.query('SAVEPOINT outcome')
      await client.query(statement).then(
        () => outcomes.add('done'),
        error => outcomes.add(`${error.code} ${error.message}`),
      )
      if (isInTransaction) await client.query('ROLLBACK TO outcome')
    }
    return [...outcomes].join('\n')
  }

  test.each(ODD_NAMES.map(name => name(uniqueName('odd'))))('of a role called %j', async role => {
    const { client } = stack
    const quoted = client.escapeIdentifier(role)
    await client.query(`CREATE ROLE ${quoted} LOGIN`)
    try {
      const session = await stack.connect(encodeURIComponent(role))
      expect(await outcome(session, ONE_OF_EACH_KIND)).toBe(refusal(role))
      await grant('add', role)
      expect(await outcome(session, ONE_OF_EACH_KIND)).toBe('done')
      const { rows } = await client.query(
        'SELECT allowed_users = ARRAY[quote_ident($1)::regrole] AS same FROM azure_storage.account_list()',
        [role],
      )
      expect(rows).toEqual([{ same: true }])
      await client.query(`SET ROLE ${quoted}`)
      expect(await outcome(client, ONE_OF_EACH_KIND)).toBe('done')
      await client.query('RESET ROLE')
      await grant('remove', role)
      expect(await outcome(session, ONE_OF_EACH_KIND)).toBe(refusal(role))
      await session.end()
    } finally {
      await client.query(`DROP ROLE ${quoted}`)
    }
  })

  test('follow a role that is renamed', async () => {
    const role = await stack.createStorageUser('before')
    const session = await stack.connect(role)
    const renamed = uniqueName('after')
    await stack.client.query(`ALTER ROLE ${role} RENAME TO ${renamed}`)
    expect(await outcome(session)).toBe('done')
    expect(await allowedUsers()).toBe(`{${renamed}}`)
    await grant('remove', renamed)
    expect(await outcome(session)).toBe(refusal(renamed))
    await stack.client.query(`ALTER ROLE ${renamed} RENAME TO ${role}`)
  })

  test('go with the role, and do not come back with another of its name', async () => {
    const role = await stack.createStorageUser('gone')
    const member = await stack.connect(await stack.createRole('orphan', `IN ROLE ${role}`))
    expect(await outcome(member)).toBe('done')
    await stack.client.query(`DROP ROLE ${role}`)
    expect(await allowedUsers()).toBe('{}')
    expect(await outcome(member)).toBe(refusal(member.user as string))
    await stack.client.query(`CREATE ROLE ${role} LOGIN`)
    expect(await allowedUsers()).toBe('{}')
    expect(await outcome(await stack.connect(role))).toBe(refusal(role))
  })

  test('are no objects: DROP OWNED and REASSIGN OWNED leave them where they are', async () => {
    const [role, heir] = [await stack.createStorageUser('owner'), await stack.createRole('heir')]
    const session = await stack.connect(role)
    await stack.client.query(`REASSIGN OWNED BY ${role} TO ${heir}; DROP OWNED BY ${role}`)
    expect(await outcome(session)).toBe('done')
    expect(await outcome(await stack.connect(heir))).toBe(refusal(heir))
    await stack.client.query(`DROP ROLE ${role}`)
    expect(await allowedUsers()).toBe('{}')
  })

  test('are over with the next statement of a session, also of a prepared one within a transaction', async () => {
    const role = await stack.createStorageUser('revoked')
    const session = await stack.connect(role)
    const list = { name: 'list', text: statements().at(-1) as string }
    await session.query('BEGIN')
    expect(await outcome(session)).toBe('done')
    await session.query(list)
    await grant('remove', role)
    expect(await outcome(session)).toBe(refusal(role))
    await expect(session.query(list)).rejects.toMatchObject({ code: '42501', message: refusal(role).slice(6) })
    await session.query('ROLLBACK')
    expect(await outcome(session)).toBe(refusal(role))
    await grant('add', role)
    expect(await outcome(session)).toBe('done')
    await grant('remove', role)
  })

  test('of a group end with the membership', async () => {
    const group = await stack.createStorageUser('team')
    const role = await stack.createRole('leaving', `IN ROLE ${group}`)
    const session = await stack.connect(role)
    await session.query('BEGIN')
    expect(await outcome(session)).toBe('done')
    await stack.client.query(`REVOKE ${group} FROM ${role}`)
    expect(await outcome(session)).toBe(refusal(role))
    await session.query('ROLLBACK')
    await grant('remove', group)
  })

  test('count within their transaction before it is committed, for others after', async () => {
    const role = await stack.createRole('early')
    const [session, admin] = [await stack.connect(role), await stack.connect()]
    for (const [end, later] of [
      ['ROLLBACK', refusal(role)],
      ['COMMIT', 'done'],
    ] as const) {
      await admin.query('BEGIN')
      await grant('add', role, admin)
      await admin.query(`SET LOCAL ROLE ${role}`)
      expect(await outcome(admin)).toBe('done')
      expect(await outcome(session)).toBe(refusal(role))
      await admin.query(end)
      expect(await outcome(session)).toBe(later)
    }
    await grant('remove', role)
  })

  // PostgreSQL fills it as its owner, whoever says so; any other view is read as who reads it.
  test('of the owner count for a materialized view', async () => {
    const { client } = stack
    const [granted, other] = [await stack.createStorageUser('view'), await stack.createRole('view')]
    const [, , get] = statements()
    await client.query(`CREATE MATERIALIZED VIEW filled AS ${get} WITH NO DATA`)
    await client.query(`ALTER MATERIALIZED VIEW filled OWNER TO ${granted}; REFRESH MATERIALIZED VIEW filled`)
    expect((await client.query('TABLE filled')).rows).toEqual([{ a: 1 }])
    await client.query(`ALTER MATERIALIZED VIEW filled OWNER TO ${other}`)
    const refresh = client.query('REFRESH MATERIALIZED VIEW filled')
    await expect(refresh).rejects.toMatchObject({ code: '42501', message: refusal(other).slice(6) })
    await client.query('DROP MATERIALIZED VIEW filled')
    await grant('remove', granted)
  })

  test('cannot be given to what is no role', async () => {
    for (const [name, role] of [
      ['123', '123'],
      ['-', '-'],
      ['public', 'public'],
      ['"Public"', 'Public'],
      ['current_user', 'current_user'],
    ]) {
      const call = stack.client.query('SELECT azure_storage.account_user_add($1, $2::text::regrole)', [
        account.name,
        name,
      ])
      await expect(call).rejects.toMatchObject({ code: '42704', message: `role "${role}" does not exist` })
    }
  })
})
