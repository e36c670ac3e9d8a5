import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('blob_put on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  let args: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    client = stack.client
    args = `'${account.name}', '${stack.container.containerName}'`
    await client.query(`CREATE TABLE t (id int, dropped int, name text, amount numeric(6,2));
      ALTER TABLE t DROP dropped;
      INSERT INTO t VALUES (1, 'eins', 1.5), (2, NULL, 2), (3, 'a "b", ü' || chr(10), NULL)`)
  })
  afterAll(() => stack.close())

  const put = (path: string, rest = 't) FROM t') => `SELECT azure_storage.blob_put(${args}, '${path}', ${rest}`
  const CSV = '1,eins,1.50\n2,,2.00\n3,"a ""b"", ü\n",\n'

  test('a table, a sub-select, a row', async () => {
    expect((await client.query(put('a.csv'))).rows).toEqual([{ blob_put: '' }])
    expect(await stack.get('a.csv')).toBe(CSV)
    await client.query(
      put(
        'a.csv',
        "q, 'csv', 'none', azure_storage.options_csv_put(header := 'true')) FROM (SELECT id AS n, name FROM t) q",
      ),
    )
    expect(await stack.get('a.csv')).toBe('n,name\n1,eins\n2,\n3,"a ""b"", ü\n"\n')
    await client.query(put('row.tsv', 'row(1, NULL, 3))'))
    expect(await stack.get('row.tsv')).toBe('1\t\\N\t3\n')
    await client.query(
      `SELECT AZURE_STORAGE . Blob_Put(${args}, 'x', q, 'text') FROM (SELECT name FROM t WHERE id < 3) q`,
    )
    expect(await stack.get('x')).toBe('eins')
  })

  test('a star quotes all columns, as in COPY', async () => {
    for (const helper of ['options_copy', 'options_csv_put']) {
      await client.query(
        put('star.csv', `t, 'csv', 'none', azure_storage.${helper}(force_quote := ARRAY['*'])) FROM t`),
      )
      await client.query(`COPY t TO '${stack.blobUrl('copy.csv')}' (FORCE_QUOTE *)`)
      expect(await stack.get('star.csv')).toBe(await stack.get('copy.csv'))
    }
  })

  test('no rows: NULL, and no blob', async () => {
    const { rows } = await client.query(put('none.csv', 't) IS NULL AS nothing FROM t WHERE false'))
    expect(rows).toEqual([{ nothing: true }])
    expect(await stack.exists('none.csv')).toBe(false)
  })

  test.each([
    ['enable_sort', 1000],
    ['enable_hashagg', 50],
  ])(
    'a blob for each of many groups, whose rows come mixed (%s = off)',
    async (plan, groups) => {
      await client.query(`SET ${plan} = off`)
      const { rowCount } = await client.query(
        `SELECT g, azure_storage.blob_put(${args}, '${plan}/' || g || '.csv', q)
       FROM (SELECT i % ${groups} AS g, i, repeat('x', i % 7) AS pad FROM generate_series(1, 5 * ${groups}) i) q GROUP BY g`,
      )
      await client.query(`RESET ${plan}`)
      expect(rowCount).toBe(groups)
      const { rows } = await client.query(`SELECT count(*)::int FROM azure_storage.blob_list(${args}, '${plan}/')`)
      expect(rows).toEqual([{ count: groups }])
      expect((await stack.get(`${plan}/1.csv`)).split('\n').sort()).toEqual(
        ['', ...[0, 1, 2, 3, 4].map(n => `1,${n * groups + 1},${'x'.repeat((n * groups + 1) % 7) || '""'}`)].sort(),
      )
    },
    60_000,
  )

  test('ORDER BY, DISTINCT, FILTER, HAVING, GROUPING SETS', async () => {
    await client.query(put('o.csv', 'q ORDER BY q.i DESC) FROM (SELECT i FROM generate_series(1, 3) i) q'))
    expect(await stack.get('o.csv')).toBe('3\n2\n1\n')
    await client.query(
      `SELECT azure_storage.blob_put(DISTINCT ${args}, 'd.csv', q) FROM (SELECT i % 2 AS i FROM generate_series(1, 9) i) q`,
    )
    expect((await stack.get('d.csv')).split('\n').sort()).toEqual(['', '0', '1'])
    const filtered = 'q) FILTER (WHERE q.i > 1) FROM (SELECT i FROM generate_series(1, 3) i) q HAVING count(*) = 3'
    await client.query(put('f.csv', filtered))
    expect(await stack.get('f.csv')).toBe('2\n3\n')
    await client.query(`SELECT azure_storage.blob_put(${args}, 's' || coalesce(i::text, 'all') || '.csv', q)
      FROM (SELECT i FROM generate_series(1, 2) i) q GROUP BY GROUPING SETS ((i), ())`)
    expect(await stack.exists('s1.csv')).toBe(true)
  })

  test('several aggregates in one query, and one within another', async () => {
    await client.query(`SELECT azure_storage.blob_put(${args}, 'p1.csv', t), azure_storage.blob_put(${args}, 'p2.tsv', t)
      FROM t WHERE id < (SELECT 3 + count(*) FROM (SELECT azure_storage.blob_put(${args}, 'inner.csv', t) IS NULL AS x FROM t) q WHERE x)`)
    expect(await stack.get('p1.csv')).toBe('1,eins,1.50\n2,,2.00\n')
    expect(await stack.get('p2.tsv')).toBe('1\teins\t1.50\n2\t\\N\t2.00\n')
    expect(await stack.get('inner.csv')).toBe(CSV)
  })

  test('different row types in one session', async () => {
    await client.query(
      'CREATE TABLE u (a int[], b bytea, c timestamptz); INSERT INTO u VALUES (ARRAY[1,2], decode($$00ff$$, $$hex$$), $$2024-01-02 03:04:05Z$$)',
    )
    await client.query(put('u.csv', 'u) FROM u'))
    expect(await stack.get('u.csv')).toBe('"{1,2}",\\x00ff,2024-01-02 03:04:05+00\n')
    await client.query(put('a2.csv'))
    expect(await stack.get('a2.csv')).toBe(CSV)
  })

  test('a NULL record is a row of NULLs', async () => {
    await client.query(put('n.csv', 't) FROM generate_series(0, 1) i LEFT JOIN t ON t.id = i'))
    expect((await stack.get('n.csv')).split('\n').sort()).toEqual(['', ',,', '1,eins,1.50'])
  })

  test('long rows, and many of them', async () => {
    await client.query(
      put('long.csv', "q) FROM (SELECT i, repeat('ä', 3000 * i) AS s FROM generate_series(1, 40) i) q"),
    )
    const lines = (await stack.get('long.csv')).trimEnd().split('\n')
    expect(lines.map(line => line.length)).toEqual(
      Array.from({ length: 40 }, (_, i) => 3000 * (i + 1) + String(i + 1).length + 1),
    )
    await client.query(put('many.csv', "q) FROM (SELECT i, 'row ' || i AS s FROM generate_series(1, 100000) i) q"))
    const { rows } = await client.query(
      `SELECT count(*)::int, sum(i)::text FROM azure_storage.blob_get(${args}, 'many.csv') AS q (i int, s text) WHERE s = 'row ' || i`,
    )
    expect(rows).toEqual([{ count: 100000, sum: '5000050000' }])
  })

  test('a statement that fails late leaves the old blob, and no connection in the way', async () => {
    await stack.put('old.csv', 'old')
    const failing = put('old.csv', 'q) FROM (SELECT i, 1 / (30000 - i) AS x FROM generate_series(1, 40000) i) q')
    for (let i = 0; i < 3; i++) expect(await errorOf(client.query(failing))).toMatchObject({ code: '22012' })
    expect(await stack.get('old.csv')).toBe('old')
    await client.query(put('old.csv'))
    expect(await stack.get('old.csv')).toBe(CSV)
    await client.query(`DO $$ BEGIN
      FOR i IN 1 .. 3 LOOP
        BEGIN PERFORM azure_storage.blob_put(${args}, 'loop.csv', q) FROM (SELECT 1 / (i - 2) AS x) q;
        EXCEPTION WHEN division_by_zero THEN NULL; END;
      END LOOP; END $$`)
    expect(await stack.get('loop.csv')).toBe('1\n')
  })

  test.each([
    ['its rows are on their way', 'x'],
    ['the answer to its rows is an error', '→'],
  ])('what fails while %s is not in the way of what its statement does next', async (_, value) => {
    const rows = (last: string): string =>
      `q, 'csv', 'none', azure_storage.options_csv_put(content_encoding := 'LATIN1'))
       FROM (SELECT i, '${value}' || repeat('x', 1000) AS long, ${last} AS x FROM generate_series(1, 40) i) q`
    await client.query(`DO $$ BEGIN
      BEGIN PERFORM azure_storage.blob_put(${args}, 'failed.csv', ${rows('1 / (40 - i)')};
      EXCEPTION WHEN division_by_zero THEN NULL; END;
      PERFORM azure_storage.blob_put(${args}, 'next.csv', t) FROM t; END $$`)
    expect(await stack.get('next.csv')).toBe(CSV)
    expect(await stack.exists('failed.csv')).toBe(false)
  })

  test('in PL/pgSQL, read-only transactions, CTEs, LATERAL, prepared with parameters', async () => {
    await client.query('BEGIN READ ONLY')
    await client.query('SELECT azure_storage.blob_put($1, $2, $3, t, $4, $5, $6) FROM t', [
      account.name,
      stack.container.containerName,
      'p.gz',
      'csv',
      'gzip',
      '{"delimiter": ";"}',
    ])
    await client.query('COMMIT')
    expect((await stack.getBytes('p.gz')).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
    const back = `SELECT name FROM azure_storage.blob_get(${args}, 'p.gz', 'csv', 'gzip', '{"delimiter": ";"}'::jsonb) AS q (id int, name text, amount text)`
    expect((await client.query(back)).rows[0]).toEqual({ name: 'eins' })
    await client.query(`WITH written AS (
        SELECT id % 2 AS odd, azure_storage.blob_put(${args}, 'cte' || id % 2 || '.csv', t) FROM t GROUP BY 1
      ) SELECT * FROM written`)
    expect(await stack.get('cte0.csv')).toBe('2,,2.00\n')
    await client.query(`SELECT l.* FROM (VALUES (1), (2)) AS v (n),
      LATERAL (SELECT azure_storage.blob_put(${args}, 'lat' || v.n || '.csv', q) FROM (SELECT v.n * 10 AS x) q) AS l`)
    expect(await stack.get('lat2.csv')).toBe('20\n')
    await client.query('CREATE TABLE z AS SELECT 1 AS one')
    await client.query(`CREATE FUNCTION export(p text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
      AS $$ BEGIN PERFORM azure_storage.blob_put(${args}, p, z) FROM public.z AS z; END $$`)
    await client.query("SELECT export('z.csv')")
    expect(await stack.get('z.csv')).toBe('1\n')
  })

  test.each([
    ["t, 'text') FROM t", '0A000', 'azure_storage: can only use text encoder with a single column'],
    ["t, 'nonsense') FROM t", '22023', 'azure_storage: invalid decoder: nonsense'],
    ["t, 'csv', 'zip') FROM t", '22023', 'azure_storage: invalid compression algorithm: zip'],
    [`t, 'csv', 'none', '{"head": true}') FROM t`, '22023', 'azure_storage: unrecognized option: head'],
    [`t, 'csv', 'none', '{"delimiter": "ab"}') FROM t`, '0A000', 'COPY delimiter must be a single one-byte character'],
  ])('%s fails, and writes nothing', async (rest, code, message) => {
    expect(await errorOf(client.query(put('bad.csv', rest)))).toMatchObject({ code, message })
    expect(await stack.exists('bad.csv')).toBe(false)
  })

  test('many sessions at once', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => stack.connect()))
    await Promise.all(
      clients.map((each, i) =>
        each.query(put(`s${i}.csv`, `q) FROM (SELECT ${i} AS s, g FROM generate_series(1, 2000) g) q`)),
      ),
    )
    for (let i = 0; i < 6; i++) {
      const lines = (await stack.get(`s${i}.csv`)).trimEnd().split('\n')
      expect(lines).toHaveLength(2000)
      expect(lines.every(line => line.startsWith(`${i},`))).toBe(true)
    }
  })
})
