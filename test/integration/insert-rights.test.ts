import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('INSERT as COPY and rights, on PostgreSQL $version', server => {
  const log = recordedLog()
  let stack: CopyStack
  let rows: string
  let role: string
  let client: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server, {}, log.logger)
    await stack.put('rows.csv', '1,one\n')
    rows = `azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'rows.csv') AS r (a int, b text)`
    role = await stack.createStorageUser('inserter')
    client = await stack.connect(role)
    await stack.client.query(`CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO ${role}; CREATE TABLE s.t (a int, b text)`)
  })
  afterAll(() => stack.close())

  /** What the role is told either way, and how often it went as COPY. */
  const inserted = async (text = `INSERT INTO s.t SELECT * FROM ${rows}`) => {
    const told = async (accelerate: string) => {
      await client.query(`SET blobgres.accelerate = ${accelerate}`)
      return client.query(text).then(
        ({ command, rowCount }) => `${command} ${rowCount}`,
        ({ code, message }) => `${code} ${message}`,
      )
    }
    log.take('')
    const [on, off] = [await told('on'), await told('off')]
    return { on, isAlike: on === off, copies: log.take('INSERT as COPY').filter(({ isDone }) => isDone).length }
  }

  it.each([
    [() => 'SELECT 1', '42501 permission denied for table t', 0],
    [() => `GRANT INSERT ON s.t TO ${role}`, 'INSERT 1', 1],
    [() => `REVOKE USAGE ON SCHEMA s FROM ${role}`, '42501 permission denied for schema s', 0],
    [
      () =>
        `GRANT USAGE ON SCHEMA s TO ${role}; REVOKE INSERT ON s.t FROM ${role}; GRANT INSERT (a, b) ON s.t TO ${role}`,
      'INSERT 1',
      0,
    ],
    [
      () => `GRANT INSERT ON s.t TO ${role}; ALTER TABLE s.t ENABLE ROW LEVEL SECURITY`,
      '42501 new row violates row-level security policy for table "t"',
      0,
    ],
    [() => `CREATE POLICY p ON s.t FOR INSERT TO ${role} WITH CHECK (true)`, 'INSERT 1', 0],
    [
      () =>
        `ALTER TABLE s.t DISABLE ROW LEVEL SECURITY; REVOKE EXECUTE ON FUNCTION azure_storage.blob_get(text, text, text, text, text, jsonb) FROM PUBLIC`,
      '42501 permission denied for function blob_get',
      0,
    ],
    [
      () =>
        `GRANT EXECUTE ON FUNCTION azure_storage.blob_get(text, text, text, text, text, jsonb) TO PUBLIC; CREATE FUNCTION azure_storage.blob_get(text, varchar, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, ''mine'''`,
      'INSERT 1',
      0,
    ],
    [
      () =>
        `DROP FUNCTION azure_storage.blob_get(text, varchar, text); SELECT azure_storage.account_user_remove('${account.name}', '${role}')`,
      `42501 azure_storage: current user ${'{role}'} is not allowed to use storage account ${account.name}`,
      0,
    ],
    [() => `SELECT azure_storage.account_user_add('${account.name}', '${role}')`, 'INSERT 1', 1],
  ])('are those of the INSERT: %s', async (change, on, copies) => {
    await stack.client.query(change())
    expect(await inserted()).toEqual({ on: on.replace('{role}', role), isAlike: true, copies })
  })

  it('goes to the table that the INSERT means', async () => {
    await client.query('CREATE TEMP TABLE t (a int, b text); SET search_path = s, pg_temp')
    expect(await inserted(`INSERT INTO pg_temp.t SELECT * FROM ${rows}`)).toEqual({
      on: 'INSERT 1',
      isAlike: true,
      copies: 1,
    })
    expect((await client.query('SELECT count(*) FROM pg_temp.t')).rows).toEqual([{ count: '2' }])
    await client.query('DROP TABLE pg_temp.t; RESET search_path')
  })

  it("takes no function of the same name for the extension's", async () => {
    const text = `INSERT INTO s.t SELECT * FROM ${rows.replace('azure_storage.', '')}`
    await client.query('SET search_path = s, azure_storage')
    expect(await inserted(text)).toEqual({ on: 'INSERT 1', isAlike: true, copies: 1 })
    await stack.client.query(
      "CREATE FUNCTION s.blob_get(text, text, text) RETURNS SETOF record LANGUAGE sql AS $$ SELECT 1, 'a' UNION SELECT 2, 'b' $$",
    )
    expect(await inserted(text)).toEqual({ on: 'INSERT 2', isAlike: true, copies: 0 })
    await client.query('RESET search_path')
  })

  it('runs nothing that stands in the way of the names', async () => {
    const names = [
      'to_regclass(text)',
      'insert_plan(regclass, jsonb, jsonb)',
      'format(text, text)',
      'lower(text)',
      'encode(bytea, text)',
    ]
    await stack.client.query(`CREATE SCHEMA evil; GRANT USAGE, CREATE ON SCHEMA evil TO ${role}; CREATE TABLE evil.caught (by text);
      GRANT INSERT ON evil.caught TO PUBLIC;
      CREATE FUNCTION evil.catch(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.caught VALUES ($1); RETURN true; END $$;
      ${['=', '<>', '!~', '~', '||'].map(name => `CREATE OPERATOR evil.${name} (FUNCTION = evil.catch, LEFTARG = text, RIGHTARG = text)`).join(';')};
      ${names.map(name => `CREATE FUNCTION evil.${name} RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.caught VALUES ('f'); RETURN ''; END $$`).join(';')}`)
    await client.query('SET search_path = evil, pg_catalog')
    expect(await inserted()).toEqual({ on: 'INSERT 1', isAlike: true, copies: 1 })
    expect((await stack.client.query('SELECT * FROM evil.caught')).rows).toEqual([])
    await client.query('RESET search_path')
  })

  it('says of a read-only transaction what INSERT says', async () => {
    await client.query('SET default_transaction_read_only = on')
    expect(await inserted()).toEqual({
      on: '25006 cannot execute INSERT in a read-only transaction',
      isAlike: true,
      copies: 0,
    })
    await client.query('RESET default_transaction_read_only')
  })
})
