import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyInside, serversAndWays } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'

describe.each(serversAndWays)('what COPY TO a blob reads, $way, on PostgreSQL $version', ({ server, way }) => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    if (way === 'in a DO block') copyInside(stack.client)
    await stack.client.query("CREATE TABLE base AS SELECT i AS id, 'n' || i AS name FROM generate_series(1, 3) i")
  })
  afterAll(() => stack.close())
  let files = 0
  const exported = async (relation: string, options = '') => {
    const name = `out-${files++}.csv`
    const { rowCount } = await stack.client.query(`COPY ${relation} TO '${stack.blobUrl(name)}' ${options}`)
    return [rowCount, await stack.get(name)]
  }

  it('a view, its columns, and all options', async () => {
    await stack.client.query(
      `CREATE VIEW "My ""View""" AS SELECT id AS "Key", name AS "from" FROM base ORDER BY id DESC`,
    )
    expect(await exported('"My ""View"""', 'WITH (HEADERS)')).toEqual([3, 'Key,from\n3,n3\n2,n2\n1,n1\n'])
    expect(await exported('"My ""View""" ("from", "Key")', 'CSV HEADER FORCE QUOTE *')).toEqual([
      3,
      'from,Key\n"n3","3"\n"n2","2"\n"n1","1"\n',
    ])
    expect(await exported('public."My ""View"""("Key")')).toEqual([3, '3\n2\n1\n'])
  })

  it('a materialised view', async () => {
    await stack.client.query('CREATE MATERIALIZED VIEW mv AS SELECT id FROM base ORDER BY id')
    expect(await exported('mv')).toEqual([3, '1\n2\n3\n'])
  })

  it('a partitioned table', async () => {
    await stack.client.query(`
      CREATE TABLE parts (a int, g int GENERATED ALWAYS AS (a * 2) STORED) PARTITION BY RANGE (a);
      CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
      CREATE TABLE parts2 PARTITION OF parts DEFAULT;
      INSERT INTO parts VALUES (1), (100)`)
    expect(await exported('parts', '(HEADER)')).toEqual([2, 'a\n1\n100\n'])
  })

  it('a foreign table', async () => {
    await stack.client.query(`
      CREATE EXTENSION IF NOT EXISTS file_fdw;
      CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
      CREATE FOREIGN TABLE version (v text) SERVER files OPTIONS (filename 'PG_VERSION')`)
    expect(await exported('version')).toEqual([1, `${server.version}\n`])
  })

  it('a view made in the same string, temporary ones and others', async () => {
    const url = stack.blobUrl('fresh.csv')
    await stack.client.query(`CREATE VIEW fresh AS SELECT 42 AS x; COPY fresh TO '${url}' (HEADER)`)
    expect(await stack.get('fresh.csv')).toBe('x\n42\n')
    await stack.client.query(`CREATE TEMP VIEW tv AS SELECT 1 AS x, 2 AS y; COPY tv (y) TO '${url}' (HEADER)`)
    expect(await stack.get('fresh.csv')).toBe('y\n2\n')
    await stack.client.query(`CREATE MATERIALIZED VIEW tm AS SELECT 3 AS x; COPY tm TO '${url}'`)
    expect(await stack.get('fresh.csv')).toBe('3\n')
  })

  it('a view made in the same transaction, and one in the search path', async () => {
    const { client } = stack
    await client.query('BEGIN; CREATE SCHEMA hidden; CREATE VIEW hidden.v AS SELECT 1 AS x; SET search_path = hidden')
    expect(await exported('v')).toEqual([1, '1\n'])
    await client.query('ROLLBACK')
    await client.query('RESET search_path')
  })

  it('a view after SET search_path in the same string', async () => {
    const url = stack.blobUrl('path.csv')
    await stack.client.query('CREATE SCHEMA other; CREATE VIEW other.ov AS SELECT 8 AS x')
    await stack.client.query(`SET LOCAL search_path = other; COPY ov TO '${url}'`)
    expect(await stack.get('path.csv')).toBe('8\n')
  })

  it('generated columns are left out as in COPY of a table', async () => {
    await stack.client.query(`
      CREATE TABLE gen (a int, g int GENERATED ALWAYS AS (a + 1) STORED, i int GENERATED ALWAYS AS IDENTITY);
      INSERT INTO gen (a) VALUES (1)`)
    expect(await exported('gen', '(HEADER)')).toEqual([1, 'a,i\n1,1\n'])
  })

  it('nothing at all: no rows, no columns', async () => {
    await stack.client.query(
      'CREATE TABLE none (); CREATE TABLE norows (a int); CREATE VIEW nocols AS SELECT FROM base',
    )
    expect(await exported('norows', '(HEADER)')).toEqual([0, 'a\n'])
    expect(await exported('norows')).toEqual([0, ''])
    expect(await exported('none')).toEqual([0, ''])
    expect(await exported('nocols')).toEqual([3, '\n\n\n'])
    await stack.client.query('INSERT INTO none DEFAULT VALUES')
    expect(await exported('none')).toEqual([1, '\n'])
    expect((await stack.client.query(`COPY none FROM '${await stack.put('none.csv', '\n\n')}'`)).rowCount).toBe(2)
  })

  it('row-level security holds', async () => {
    const role = await stack.createStorageUser('rls')
    await stack.client.query(`
      CREATE TABLE secured AS SELECT * FROM base; ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
      CREATE POLICY one ON secured USING (id = 2); GRANT SELECT ON secured TO ${role}; SET ROLE ${role}`)
    expect(await exported('secured')).toEqual([1, '2,n2\n'])
    await stack.client.query(`RESET ROLE; DROP TABLE secured`)
  })

  it("a query is refused, with the extension's own words", async () => {
    for (const query of ['(SELECT 1)', '(VALUES (1))', "(INSERT INTO base VALUES (9, 'x') RETURNING id)"]) {
      expect(await errorOf(exported(query))).toMatchObject({
        message: 'azure_storage: Query is not supported while copying data to blob storage',
        code: '0A000',
        hint: expect.stringContaining('view'),
      })
    }
    expect((await stack.client.query('SELECT count(*) FROM base')).rows[0].count).toBe('3')
  })

  it("PostgreSQL's own errors", async () => {
    await stack.client.query('CREATE SEQUENCE seq')
    expect(await errorOf(exported('seq'))).toMatchObject({ message: 'cannot copy from sequence "seq"' })
    expect(await errorOf(exported('absent'))).toMatchObject({
      code: '42P01',
      message: 'relation "absent" does not exist',
    })
    expect(await errorOf(exported('base (nope)'))).toMatchObject({
      code: '42703',
      message: 'column "nope" of relation "base" does not exist',
    })
  })
})
