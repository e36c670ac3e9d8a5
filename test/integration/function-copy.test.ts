import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

/** The loading script of the common kind; the files' names come from a table, and what is wrong with one is logged. */
const LOAD = `
DECLARE
  file record;
  n bigint;
BEGIN
  FOR file IN SELECT * FROM files ORDER BY url LOOP
    BEGIN
      EXECUTE format('COPY %I FROM %L WITH (FORMAT csv, HEADER)', 'staging', file.url);
      GET DIAGNOSTICS n = ROW_COUNT;
      INSERT INTO loaded VALUES (file.name, n, NULL);
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO loaded VALUES (file.name, NULL, SQLSTATE || ': ' || SQLERRM);
    END;
  END LOOP;
  EXECUTE format('COPY %I TO %L', 'summary', (SELECT url FROM target));
  GET DIAGNOSTICS n = ROW_COUNT;
  INSERT INTO loaded VALUES ('summary', n, NULL);`

const RESULT = [
  ['a.csv', '2', null],
  ['bad.csv', null, '22P02: invalid input syntax for type integer: "x"'],
  ['c.csv', '1', null],
  ['none.csv', null, '58P01: azure_storage: blob with the given name does not exist'],
  ['summary', '2', null],
]

describe.each(servers)('COPY with a URL inside functions on PostgreSQL $version', server => {
  let stack: CopyStack
  /** Past the proxy, as pg_cron's are. */
  let direct: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server)
    direct = await stack.connect(undefined, { connectionString: stack.database.url })
    await stack.put('a.csv', 'a,b\n1,x\n2,y\n')
    await stack.put('bad.csv', 'a,b\n3,x\nx,y\n')
    await stack.put('c.csv', 'a,b\n4,x\n')
    await stack.client.query(`
      CREATE TABLE staging (a int, b text); CREATE TABLE loaded (name text, rows bigint, error text);
      CREATE TABLE files (name text, url text); CREATE TABLE target (url text); CREATE TABLE ticks (n int);
      CREATE VIEW summary AS SELECT b, count(*) FROM staging GROUP BY b ORDER BY b`)
    for (const name of ['a.csv', 'bad.csv', 'c.csv', 'none.csv']) {
      await stack.client.query('INSERT INTO files VALUES ($1, $2)', [name, stack.blobUrl(name)])
    }
    await stack.client.query('INSERT INTO target VALUES ($1)', [stack.blobUrl('summary.csv')])
    await stack.client.query(`
      CREATE PROCEDURE load() LANGUAGE plpgsql AS $body$${LOAD} END $body$;
      CREATE PROCEDURE load_with_commits() LANGUAGE plpgsql AS $body$${LOAD.replace('LOOP', 'LOOP COMMIT;')} COMMIT; END $body$;
      CREATE FUNCTION load_rows() RETURNS trigger LANGUAGE plpgsql AS $body$${LOAD} RETURN NULL; END $body$;
      CREATE TRIGGER t AFTER INSERT ON ticks EXECUTE FUNCTION load_rows()`)
  })
  beforeEach(async () => {
    await stack.client.query('TRUNCATE staging, loaded')
    await stack.container.getBlobClient('summary.csv').deleteIfExists()
  })
  afterAll(() => stack.close())
  const result = async () => (await stack.client.query({ text: 'TABLE loaded', rowMode: 'array' })).rows

  describe.each(['through the proxy', 'past it'])('%s', way => {
    const run = (sql: string) => (way === 'past it' ? direct : stack.client).query(sql)

    it.each(['CALL load()', 'CALL load_with_commits()', 'INSERT INTO ticks VALUES (1)'])('%s', async statement => {
      await run(statement)
      expect(await result()).toEqual(RESULT)
      expect(await stack.get('summary.csv')).toBe('x,2\ny,1\n')
    })
  })

  it('in a DO block', async () => {
    await stack.client.query(`DO $$${LOAD} END $$`)
    expect(await result()).toEqual(RESULT)
  })

  it('in the extended protocol, prepared', async () => {
    const text = `DO '${LOAD.replaceAll("'", "''")} END'`
    await stack.client.query({ name: 'do', text })
    await stack.client.query('TRUNCATE staging, loaded')
    await stack.client.query({ name: 'do', text })
    expect(await result()).toEqual(RESULT)
  })

  it('a COPY of its own, in PL/pgSQL and in SQL', async () => {
    const url = stack.blobUrl('a.csv')
    const copy = `COPY staging FROM '${url}' (HEADER)`
    await stack.client.query(`
      CREATE FUNCTION in_sql() RETURNS void LANGUAGE sql AS $$ DELETE FROM staging; ${copy}; $$;
      CREATE FUNCTION in_plpgsql(OUT n int) LANGUAGE plpgsql AS 'BEGIN ${copy.replaceAll("'", "''")}; GET DIAGNOSTICS n = ROW_COUNT; END'`)
    await direct.query('SELECT in_sql()')
    const { rows } = await direct.query('SELECT in_plpgsql(), (SELECT count(*)::int FROM staging)')
    expect(rows).toEqual([{ in_plpgsql: 2, count: 2 }])
    expect((await direct.query('SELECT * FROM staging')).rows).toHaveLength(4)
  })

  it('loops over blob_list, in blocks within blocks', async () => {
    const [account, container] = new URL(stack.blobUrl('a')).pathname.split('/').slice(1)
    await stack.client.query(`DO $$
      DECLARE path text; BEGIN
        FOR path IN SELECT l.path FROM azure_storage.blob_list('${account}', '${container}') AS l WHERE l.path ~ '^[ac]' LOOP
          DECLARE url text := '${stack.blobUrl('')}' || path; BEGIN
            EXECUTE 'COPY staging FROM ' || quote_literal(url) || ' (HEADER)';
          END;
        END LOOP; END $$`)
    expect((await direct.query('SELECT a FROM staging ORDER BY a')).rows).toEqual([{ a: 1 }, { a: 2 }, { a: 4 }])
  })

  it('exports a table without rows', async () => {
    await stack.client.query(`DO $$ BEGIN COPY staging TO '${stack.blobUrl('empty.csv')}' (HEADER); END $$`)
    expect(await stack.get('empty.csv')).toBe('a,b\n')
  })

  it('lines in errors are those of the body', async () => {
    const url = stack.blobUrl('bad.csv')
    const error = await stack.client
      .query(`DO $$\nBEGIN\n  COPY staging\n  FROM '${url}' (HEADER);\nEND $$`)
      .catch(e => e)
    expect(error.where).toContain('inline_code_block line 3 at EXECUTE')
  })

  it('the table is the one that is named, whatever the search_path', async () => {
    const client = await stack.connect()
    await client.query(`
      CREATE TABLE public.same (a int, b text); CREATE TEMP TABLE same (a int, b text);
      CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ BEGIN
        EXECUTE 'COPY pg_temp.same FROM ''${stack.blobUrl('a.csv')}'' (HEADER)';
        EXECUTE 'COPY pg_temp.same TO ''${stack.blobUrl('same.csv')}''';
      END $$; SELECT fill()`)
    const counts =
      'SELECT (SELECT count(*)::int FROM pg_temp.same) AS temp, (SELECT count(*)::int FROM public.same) AS other'
    expect((await client.query(counts)).rows).toEqual([{ temp: 2, other: 0 }])
    expect(await stack.get('same.csv')).toBe('1,x\n2,y\n')
  })
})
