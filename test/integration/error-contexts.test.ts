import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)("The CONTEXT of errors is the client's own, on PostgreSQL $version", server => {
  let stack: CopyStack
  let box: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    box = stack.container.containerName
    await stack.put('bad.csv', '1,2\n3,x\n')
    await stack.put('wide.csv', '1,2,3\n')
    await stack.client.query(`
      CREATE FUNCTION chk(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        IF i > 2 THEN RAISE EXCEPTION 'no'; END IF; RETURN true; END $$;
      CREATE DOMAIN checked AS int CHECK (public.chk(VALUE));
      CREATE FUNCTION load() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        PERFORM * FROM azure_storage.blob_get('${account.name}', '${box}', 'none.csv') AS t (a int); END $$;
      CREATE FUNCTION store() RETURNS void LANGUAGE sql AS $$
        SELECT azure_storage.blob_put('${account.name}', 'nobox', 'a.csv', t) FROM (SELECT 1 AS a) AS t $$;
      CREATE TABLE two (a int, b int)`)
  })
  afterAll(() => stack.close())
  const get = (path: string, rest: string) =>
    `SELECT * FROM azure_storage.blob_get('${account.name}', '${box}', '${path}'${rest}`
  const where = async (query: string | pg.QueryConfig) => (await errorOf(stack.client.query(query))).where

  it('of a function alone there is none', async () => {
    for (const sql of [
      get('none.csv', ') AS t (a int)'),
      get('bad.csv', ", decoder => 'nope') AS t (a int)"),
      get('bad.csv', ', decoder => NULL) AS t (a int)'),
      get('bad.csv', `, options => '{"delimiter": "xx"}') AS t (a int)`),
      "SELECT * FROM azure_storage.blob_list('A', 'box')",
      `SELECT * FROM azure_storage.blob_list('${account.name}', 'nobox')`,
      `SELECT azure_storage.blob_put('${account.name}', 'nobox', 'a.csv', t) FROM (SELECT 1 AS a) AS t`,
      `SELECT azure_storage.blob_put('${account.name}', '${box}', 'a.txt', t) FROM (SELECT 1 AS a, 2 AS b) AS t`,
      `SELECT azure_storage.blob_put('${account.name}', '${box}', NULL, t) FROM (SELECT 1 AS a) AS t`,
      "SELECT azure_storage.account_add('A', 'key')",
      `SELECT azure_storage.account_add('{"name": "acct", "x": 1}'::jsonb)`,
      "SELECT azure_storage.account_remove('nonesuch')",
      `SELECT azure_storage.account_user_add('${account.name}', 4000000000)`,
      `SET search_path = azure_storage, public; ${get('none.csv', ') AS t (a int)')}`,
      'CREATE EXTENSION azure_storage',
    ]) {
      expect(await where(sql), sql).toBeUndefined()
      await stack.client.query('RESET search_path')
    }
    expect(await where({ name: 'prepared', text: get('none.csv', ') AS t (a int)') })).toBeUndefined()
  })

  it('blob, line and column stay', async () => {
    const column = server.version >= 18 ? 'b' : '2'
    expect(await where(get('bad.csv', ') AS t (a int, b int)'))).toBe(`blob ${box}/bad.csv, line 2, column ${column}`)
    expect(await where(get('bad.csv', ', NULL::two)'))).toBe(`blob ${box}/bad.csv, line 2, column b`)
    expect(await where(get('wide.csv', ') AS t (a int)'))).toBe(`blob ${box}/wide.csv, line 1`)
    expect(await where(`COPY two FROM '${stack.blobUrl('bad.csv')}'`)).toBe('COPY two, line 2, column b: "x"')
  })

  it("the client's own functions stay, within and without", async () => {
    expect(await where('SELECT load()')).toMatch(
      /^SQL statement "SELECT \* FROM azure_storage.blob_get.*none.csv'\) AS t \(a int\)"\nPL\/pgSQL function load\(\) line 2 at PERFORM$/,
    )
    expect(await where('SELECT store()')).toBe('SQL function "store" statement 1')
    const column = server.version >= 18 ? 'c' : '3'
    expect(await where(get('wide.csv', ') AS t (a int, b int, c checked)'))).toBe(
      `PL/pgSQL function chk(integer) line 2 at RAISE\nblob ${box}/wide.csv, line 1, column ${column}`,
    )
  })

  it('notices too', async () => {
    const contexts: (string | undefined)[] = []
    stack.client.on('notice', ({ where }) => contexts.push(where))
    await stack.client.query('ALTER EXTENSION azure_storage UPDATE')
    await stack.client.query('SET client_min_messages = debug1')
    await stack.client.query(get('wide.csv', ') AS t (a int, b int, c int)'))
    await stack.client.query('RESET client_min_messages')
    expect(contexts.length).toBeGreaterThan(0)
    for (const context of contexts) expect(context ?? '').not.toContain('azure_storage')
  })
})
