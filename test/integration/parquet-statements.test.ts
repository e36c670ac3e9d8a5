import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'

const STYLES = ['DateStyle', 'IntervalStyle', 'bytea_output', 'extra_float_digits']
const ODD = ['SQL, DMY', 'sql_standard', 'escape', '-3']

describe.each(servers)('Parquet in the statements of a session on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE SCHEMA "Odd S"; CREATE TABLE "Odd S"."T, 1" (id int, "gone" int, "Größe, €" numeric(6,2), at date, raw bytea,
        g int GENERATED ALWAYS AS (id * 2) STORED);
      ALTER TABLE "Odd S"."T, 1" DROP gone;
      INSERT INTO "Odd S"."T, 1" VALUES (1, 1.5, '2024-02-01', '\\x00'), (2, NULL, '2024-12-31', 'x');
      CREATE VIEW v AS SELECT id AS "the id", at - date '2024-01-01' AS days, age(at, '2024-03-01') AS age FROM "Odd S"."T, 1";
      CREATE MATERIALIZED VIEW m AS SELECT * FROM v;
      CREATE TABLE parts (id int, name text) PARTITION BY LIST (id); CREATE TABLE part1 PARTITION OF parts DEFAULT;
      INSERT INTO parts VALUES (1, 'one')`)
  })
  afterAll(() => stack.close())
  const shown = async (client: pg.Client) =>
    (await client.query(`SELECT ARRAY[${STYLES.map(name => `current_setting('${name}')`)}] AS s`)).rows[0].s as string[]
  const get = async (path: string, columns: string) =>
    (
      await stack.client.query(
        `SELECT r::text FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}') AS r (${columns})`,
      )
    ).rows.map(({ r }) => r)

  it.each([
    [
      '"Odd S"."T, 1"',
      'id int, s numeric, at date, raw bytea',
      ['(1,1.50,2024-02-01,"\\\\x00")', '(2,,2024-12-31,"\\\\x78")'],
    ],
    ['"Odd S"."T, 1" (at, "Größe, €")', 'at date, s numeric', ['(2024-02-01,1.50)', '(2024-12-31,)']],
    ['v', 'id int, days int, age interval', ['(1,31,"-1 mons")', '(2,365,"9 mons 30 days")']],
    ['v ("the id")', 'id int', ['(1)', '(2)']],
    ['m', 'id int, days int, age interval', ['(1,31,"-1 mons")', '(2,365,"9 mons 30 days")']],
    ['parts', 'id int, name text', ['(1,one)']],
    ['parts (name)', 'name text', ['(one)']],
  ])('COPY %s TO', async (relation, columns, rows) => {
    for (const prepared of [false, true]) {
      const text = `COPY ${relation} TO '${stack.blobUrl('out.parquet')}'`
      const { rowCount } = await stack.client.query(prepared ? { name: relation, text } : text)
      expect(rowCount).toBe(rows.length)
      expect(await get('out.parquet', columns)).toEqual(rows)
    }
  })

  it('COPY FROM with what COPY FROM has', async () => {
    const { client } = stack
    await client.query(`COPY "Odd S"."T, 1" (at, id) TO '${stack.blobUrl('in.parquet')}'`)
    await client.query('CREATE TABLE "in" (id int, more text DEFAULT \'d\', at timestamptz)')
    const text = `COPY "in" (at, id) FROM '${stack.blobUrl('in.parquet')}' WHERE id > 1`
    for (const query of [text, { name: 'in', text }]) expect((await client.query(query)).rowCount).toBe(1)
    expect((await client.query('SELECT id, more, at::date::text FROM "in"')).rows).toEqual(
      Array(2).fill({ id: 2, more: 'd', at: '2024-12-31' }),
    )
    if (server.version < 17) return
    await client.query('CREATE TABLE ints (at int, id int)')
    const { rowCount } = await client.query(`COPY ints FROM '${stack.blobUrl('in.parquet')}' (ON_ERROR ignore)`)
    expect(rowCount).toBe(0)
  })

  it("names in the client's encoding", async () => {
    const latin = await stack.connect()
    // What pg sends is UTF-8 still: in LATIN1 that is another name, but as good as any.
    await latin.query("SET client_encoding = 'LATIN1'")
    await latin.query('CREATE TABLE "Fuß" (id int, "Länge" int); INSERT INTO "Fuß" VALUES (1, 2)')
    for (const name of [undefined, 'latin']) {
      const text = `COPY "Fuß" ("Länge", id) TO '${stack.blobUrl('latin.parquet')}'`
      expect((await latin.query(name ? { name, text } : text)).rowCount).toBe(1)
      expect(await get('latin.parquet', 'a int, b int')).toEqual(['(2,1)'])
    }
  })

  it("other styles of the session mean nothing to the blob, and stay the session's", async () => {
    const client = await stack.connect()
    await client.query(STYLES.map((name, i) => `SET ${name} = '${ODD[i]}'`).join(';'))
    const told: string[] = []
    ;(client as unknown as { connection: NodeJS.EventEmitter }).connection.on('parameterStatus', ({ parameterName }) =>
      told.push(parameterName),
    )
    const url = stack.blobUrl('odd.parquet')
    const copy = `COPY "Odd S"."T, 1" TO '${url}'`
    const rows = ['(1,1.50,2024-02-01,"\\\\x00")', '(2,,2024-12-31,"\\\\x78")']
    const check = async () => {
      expect(await shown(client)).toEqual(ODD)
      expect(await get('odd.parquet', 'id int, s numeric, at date, raw bytea')).toEqual(rows)
      await stack.container.getBlobClient('odd.parquet').delete()
    }
    await client.query(copy)
    await check()
    await client.query({ name: 'copy', text: copy })
    await check()
    await client.query(`${copy}; SELECT 1; ${copy}`)
    await check()
    await client.query(`BEGIN; SET LOCAL IntervalStyle = 'iso_8601'; SAVEPOINT s; ${copy}; RELEASE s`)
    expect(await shown(client)).toEqual(ODD.with(1, 'iso_8601'))
    await client.query('COMMIT')
    await check()
    await client.query(`BEGIN; SET IntervalStyle = 'iso_8601'; ${copy}; COMMIT`)
    expect(await shown(client)).toEqual(ODD.with(1, 'iso_8601'))
    await client.query(`SET IntervalStyle = '${ODD[1]}'`)

    const failing = `COPY "Odd S"."T, 1" (nothing) TO '${url}'`
    expect(await errorOf(client.query(failing))).toMatchObject({ code: '42703' })
    expect(await shown(client)).toEqual(ODD)
    await client.query('BEGIN; SAVEPOINT s')
    expect(await errorOf(client.query(failing))).toMatchObject({ code: '42703' })
    await client.query('ROLLBACK TO s')
    expect(await shown(client)).toEqual(ODD)
    await client.query('ROLLBACK')
    expect(
      await errorOf(client.query(`COPY "Odd S"."T, 1" TO '${url.replace(stack.container.containerName, 'nowhere')}'`)),
    ).toMatchObject({ code: '58P01' })
    expect(await shown(client)).toEqual(ODD)
    expect(told).not.toContain('DateStyle')
  })

  it('blob_put of groups, of NULL records and of rows that come in other styles', async () => {
    const client = await stack.connect()
    const put = (path: string, rest: string) =>
      `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', ${path}, ${rest}`
    await client.query(
      put(
        "format('g%s.parquet', id % 2)",
        `r) FROM (SELECT g AS id, repeat('x', 100) AS t FROM generate_series(1, 1000) g) r GROUP BY id % 2`,
      ),
    )
    expect(await get('g1.parquet', 'id int, t text')).toHaveLength(500)
    await client.query("SET DateStyle = 'German'; SET bytea_output = 'escape'")
    await client.query(
      put("'n.parquet'", "r, 'auto', 'gzip') FROM (VALUES (1, '[2,3)'::int4range), (2, NULL)) AS r (id, range)"),
    )
    await client.query(put("'styles.parquet'", 'r) FROM "Odd S"."T, 1" AS r'))
    expect(await get('styles.parquet', 'id int, s numeric, at date, raw bytea, g int')).toEqual([
      '(1,1.50,2024-02-01,"\\\\x00",2)',
      '(2,,2024-12-31,"\\\\x78",4)',
    ])
    await client.query(put("'nulls.parquet'", 'NULLIF(r, r)) FROM parts AS r'))
    expect(await get('nulls.parquet', 'id int, name text')).toEqual(['(,)'])
  })

  it('of a role without any other right, both ways', async () => {
    const role = await stack.createStorageUser('plain')
    await stack.client.query(`CREATE TABLE own (id int, tags text[]); ALTER TABLE own OWNER TO ${role}`)
    const client = await stack.connect(role)
    const url = stack.blobUrl('own.parquet')
    const args = `'${account.name}', '${stack.container.containerName}', 'own2.parquet'`
    await client.query(`INSERT INTO own VALUES (1, '{a,NULL,"b c"}'); COPY own TO '${url}'; COPY own FROM '${url}'`)
    await client.query(`SELECT azure_storage.blob_put(${args}, own) FROM own`)
    expect((await client.query(`SELECT tags FROM azure_storage.blob_get(${args}, NULL::own)`)).rows).toEqual(
      Array(2).fill({ tags: ['a', null, 'b c'] }),
    )
  })

  it.each([
    ['LATIN1', 'größe'],
    ['EUC_JP', '日本'],
    ['SQL_ASCII', '日本'],
  ])('in a database in %s', async (encoding, text) => {
    const name = uniqueName('encoding')
    await adminQuery(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`)
    await callProxyFrom(server, name, ...stack.loopbacks)
    const client = new pg.Client({ connectionString: stack.url().replace(stack.database.name, name) })
    try {
      await client.connect()
      await client.query('CREATE EXTENSION azure_storage')
      await client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      const url = stack.blobUrl('encoded.parquet')
      const args = `'${account.name}', '${stack.container.containerName}', 'encoded.parquet'`
      await client.query(`CREATE TABLE t ("${text}" text, j jsonb); INSERT INTO t VALUES ('${text}', '["${text}"]')`)
      await client.query(`COPY t TO '${url}'; COPY t FROM '${url}'`)
      await client.query(`SELECT azure_storage.blob_put(${args}, t) FROM t`)
      await client.query(`INSERT INTO t SELECT * FROM azure_storage.blob_get(${args}, NULL::t); COPY t FROM '${url}'`)
      expect((await client.query('TABLE t')).rows).toEqual(Array(6).fill({ [text]: text, j: [text] }))
    } finally {
      await client.end()
      await adminQuery(server, `DROP DATABASE ${name} WITH (FORCE)`)
    }
  })
})
