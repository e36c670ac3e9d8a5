import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const STATEMENTS = [
  ['CREATE EXTENSION azure_storage', 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION'],
  ["SELECT create_extension('azure_storage')", 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION'],
  ['ALTER EXTENSION azure_storage UPDATE', 'must be owner of extension azure_storage'],
] as const

describe.each(servers)('Creating the extension without a right to, on PostgreSQL $version', server => {
  let stack: TestStack
  let client: pg.Client
  const role = uniqueName('nobody')
  beforeAll(async () => {
    stack = await startStack(server)
    await adminQuery(server, `CREATE ROLE ${role} LOGIN`)
    client = new pg.Client({ connectionString: stack.url(role) })
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await stack.close()
    await adminQuery(server, `DROP ROLE ${role}`)
  })

  test('is refused in its own words, whatever the protocol and the state', async () => {
    for (const [statement, message] of STATEMENTS) {
      const refused = { code: '42501', message }
      await expect(client.query(statement)).rejects.toMatchObject(refused)
      await expect(client.query({ text: statement, name: uniqueName('s') })).rejects.toMatchObject(refused)
      await expect(client.query(`SELECT 1; ${statement}`)).rejects.toMatchObject(refused)
      await client.query('BEGIN')
      await expect(client.query(statement)).rejects.toMatchObject(refused)
      await expect(client.query(statement)).rejects.toMatchObject({ code: '25P02' })
      await expect(client.query(`ROLLBACK; ${statement}`)).rejects.toMatchObject(refused)
    }
  })

  test('makes no function, not even for a moment', async () => {
    const inDatabase = (sql: string) => adminQuery(server, sql, stack.database.name)
    await inDatabase(`
      CREATE TABLE made (tag text);
      CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.made VALUES (tg_tag); END';
      CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION note()`)
    const made = async () => (await inDatabase('SELECT DISTINCT tag FROM made')).rows
    for (const [statement] of STATEMENTS) {
      await client.query(statement).catch(() => {})
      await client.query({ text: statement, name: uniqueName('s') }).catch(() => {})
      await client.query(`BEGIN; SELECT 1/0`).catch(() => {})
      await client.query(`ROLLBACK; ${statement}`).catch(() => {})
    }
    expect(await made()).toEqual([])
    await adminQuery(server, `GRANT azure_pg_admin TO ${role}`)
    await expect(client.query('ALTER EXTENSION azure_storage UPDATE')).rejects.toMatchObject({ code: '42704' })
    expect(await made()).toContainEqual({ tag: 'CREATE FUNCTION' })
  })
})
