import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const ROWS = [
  { id: 1, name: 'eins' },
  { id: 2, name: null },
  { id: 3, name: 'drei, "vier"\nfünf' },
]

describe.each(servers)('blob_get in SQL on PostgreSQL $version', server => {
  let stack: CopyStack
  let args: string
  let get: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    args = `'${account.name}', '${stack.container.containerName}'`
    get = `azure_storage.blob_get(${args}, 'a.csv') AS t (id int, name text)`
    await stack.put('a.csv', '1,eins\n2,\n3,"drei, ""vier""\nfünf"\n')
    await stack.put('dir/1.csv', '10,x\n')
    await stack.put('dir/2.csv', '20,y\n21,z\n')
    await stack.client.query('CREATE TABLE target (id int, name text, twice int GENERATED ALWAYS AS (id * 2) STORED)')
  })
  afterAll(() => stack.close())

  const rowsOf = async (sql: string, values: unknown[] = []) => (await stack.client.query(sql, values)).rows

  test('FROM, sub-selects, CTEs', async () => {
    expect(await rowsOf(`SELECT * FROM ${get}`)).toEqual(ROWS)
    expect(await rowsOf(`SELECT (SELECT max(id) FROM ${get}) AS m WHERE 3 IN (SELECT id FROM ${get})`)).toEqual([
      { m: 3 },
    ])
    expect(await rowsOf(`WITH b AS (SELECT * FROM ${get}) SELECT a.id FROM b AS a JOIN b USING (id) LIMIT 1`)).toEqual([
      { id: 1 },
    ])
  })

  test('LATERAL over blob_list', async () => {
    const sql = `SELECT l.path, t.* FROM azure_storage.blob_list(${args}, 'dir/') AS l,
      LATERAL azure_storage.blob_get(${args}, l.path) AS t (id int, name text)`
    expect(await rowsOf(sql)).toEqual([
      { path: 'dir/1.csv', id: 10, name: 'x' },
      { path: 'dir/2.csv', id: 20, name: 'y' },
      { path: 'dir/2.csv', id: 21, name: 'z' },
    ])
  })

  test('INSERT, CREATE TABLE AS, data-modifying CTEs, MERGE-like updates', async () => {
    await stack.client.query(`INSERT INTO target SELECT * FROM ${get}`)
    expect(await rowsOf('SELECT * FROM target ORDER BY id')).toEqual(ROWS.map(row => ({ ...row, twice: row.id * 2 })))
    await stack.client.query(`CREATE TABLE copy AS SELECT * FROM ${get}`)
    expect(await rowsOf('SELECT * FROM copy')).toEqual(ROWS)
    const sql = `WITH gone AS (DELETE FROM target USING ${get} WHERE target.id = t.id RETURNING target.id)
      UPDATE copy SET name = 'gone' FROM gone WHERE gone.id = copy.id AND copy.id < 3 RETURNING copy.id`
    expect(await rowsOf(sql)).toHaveLength(2)
    expect(await rowsOf('SELECT * FROM target')).toEqual([])
  })

  test('a row type instead of a column list', async () => {
    expect(await rowsOf(`SELECT * FROM azure_storage.blob_get(${args}, 'a.csv', NULL::target)`)).toEqual(
      ROWS.map(row => ({ ...row, twice: null })),
    )
    await stack.client.query(
      'CREATE TABLE dropped (x int, id int, y text, name varchar(20)); ALTER TABLE dropped DROP x, DROP y',
    )
    expect(await rowsOf(`SELECT * FROM azure_storage.blob_get(${args}, 'a.csv', rec => NULL::dropped)`)).toEqual(ROWS)
    expect(
      await rowsOf(`SELECT id, (azure_storage.blob_get(${args}, 'dir/1.csv', NULL::dropped)).name FROM dropped
        RIGHT JOIN (VALUES (1)) AS one (n) ON true`),
    ).toEqual([{ id: null, name: 'x' }])
    await stack.put('one.txt', '42')
    expect(await rowsOf(`SELECT * FROM azure_storage.blob_get(${args}, 'one.txt', 0) AS n`)).toEqual([{ n: 42 }])
  })

  test('views and materialised views', async () => {
    await stack.client.query(
      `CREATE VIEW v AS SELECT * FROM ${get}; CREATE MATERIALIZED VIEW m AS SELECT * FROM ${get}`,
    )
    expect(await rowsOf('SELECT * FROM v')).toEqual(ROWS)
    await stack.client.query('REFRESH MATERIALIZED VIEW m')
    expect(await rowsOf('SELECT * FROM m')).toEqual(ROWS)
  })

  test('prepared statements with parameters for every argument', async () => {
    const sql = 'SELECT * FROM azure_storage.blob_get($1, $2, $3, $4, $5, $6::jsonb) AS t (id int, name text)'
    const values = [account.name, stack.container.containerName, 'a.csv', 'csv', 'none', '{"null_string": "eins"}']
    expect(await rowsOf(sql, values)).toEqual([{ id: 1, name: null }, { id: 2, name: '' }, ROWS[2]])
    await stack.client.query(`PREPARE p (text) AS SELECT count(*)::int FROM
      azure_storage.blob_get(path => $1, container_name => '${stack.container.containerName}', account_name := '${account.name}')
      AS t (id int, name text)`)
    for (let i = 0; i < 7; i++) expect(await rowsOf("EXECUTE p ('dir/2.csv')")).toEqual([{ count: 2 }])
  })

  test('cursors, also in both directions and beyond the transaction', async () => {
    await stack.client.query(`BEGIN; DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM ${get}; COMMIT`)
    expect(await rowsOf('FETCH LAST FROM c')).toEqual([ROWS[2]])
    expect(await rowsOf('FETCH BACKWARD 1 FROM c')).toEqual([ROWS[1]])
    await stack.client.query('CLOSE c')
  })

  test('PL/pgSQL, static and EXECUTE, and a procedure that commits', async () => {
    await stack.client.query(`
      CREATE TABLE log (id int, name text);
      CREATE PROCEDURE load() LANGUAGE plpgsql AS $$
        DECLARE r record;
        BEGIN
          FOR r IN SELECT * FROM ${get} LOOP INSERT INTO log VALUES (r.id, r.name); COMMIT; END LOOP;
          EXECUTE 'INSERT INTO log SELECT * FROM ' || $q$${get}$q$;
          BEGIN
            PERFORM * FROM azure_storage.blob_get(${args}, 'none.csv') AS t (a int);
          EXCEPTION WHEN undefined_file THEN INSERT INTO log VALUES (0, SQLERRM);
          END;
          COMMIT;
        END $$`)
    await stack.client.query('CALL load()')
    const names = (await rowsOf('SELECT name FROM log')).map(row => row.name)
    expect(names).toEqual([
      ...ROWS.map(row => row.name),
      ...ROWS.map(row => row.name),
      'azure_storage: blob with the given name does not exist',
    ])
  })

  test('REPEATABLE READ, SERIALIZABLE, READ ONLY, after a savepoint', async () => {
    for (const mode of ['REPEATABLE READ', 'SERIALIZABLE READ ONLY']) {
      await stack.client.query(`BEGIN ISOLATION LEVEL ${mode}; SAVEPOINT s`)
      expect(await rowsOf(`SELECT * FROM ${get}`)).toEqual(ROWS)
      await stack.client.query('ROLLBACK TO s; COMMIT')
    }
  })

  test('a narrow or misleading search_path', async () => {
    await stack.client.query(`
      CREATE SCHEMA evil;
      CREATE FUNCTION evil.texteq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
      CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.texteq);
      CREATE TYPE evil.mood AS ENUM ('eins', 'x');
      SET search_path = evil, pg_catalog`)
    const sql = `SELECT * FROM azure_storage.blob_get(${args}, 'dir/1.csv') AS t (id int, name mood)`
    expect(await rowsOf(sql)).toEqual([{ id: 10, name: 'x' }])
    await stack.client.query("SET search_path = ''")
    expect(await rowsOf(sql.replace('mood', 'evil.mood'))).toEqual([{ id: 10, name: 'x' }])
    await stack.client.query('RESET search_path')
    expect((await rowsOf('SHOW search_path'))[0].search_path).toContain('public')
  })

  test('many sessions at once', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => stack.connect()))
    const counts = await Promise.all(
      clients.map(client => client.query(`SELECT count(*)::int FROM ${get}, ${get.replace(' t ', ' u ')}`)),
    )
    expect(counts.map(({ rows }) => rows[0].count)).toEqual(Array(8).fill(9))
  })
})
