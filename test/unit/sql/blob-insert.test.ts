import { describe, expect, it } from 'vitest'
import { classify } from '../../../src/sql/classify.ts'
import type { SqlSettings } from '../../../src/sql/query-text.ts'

const SETTINGS: SqlSettings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'http://127.0.0.1/{account}', accounts: new Map() },
}
const insertOf = (text: string, settings = SETTINGS) => {
  const [statement, ...others] = classify(text, settings) ?? []
  return others.length === 0 && statement?.kind === 'insert' ? statement.insert : undefined
}

const GET = "azure_storage.blob_get('a', 'c', 'p')"

describe('INSERT … SELECT from blob_get()', () => {
  it('is taken apart', () => {
    const call = `Azure_Storage . "blob_get" ('a', 'c', $1::text /* ) */, options := azure_storage.options_csv_get(header := true))`
    expect(
      insertOf(`INSERT INTO s."T" (b, "A") SELECT r.x, "Y" AS z FROM ${call} AS r (x int, "Y" varchar(3)) -- end`),
    ).toEqual({
      relation: '"s"."T"',
      creation: undefined,
      columns: ['b', 'A'],
      selected: ['x', 'Y'],
      name: 'azure_storage.blob_get',
      args: "'a', 'c', $1::text /* ) */, options := azure_storage.options_csv_get(header := true)",
      rows: `${call} AS r (x int, "Y" varchar(3))`,
    })
  })

  it('has the schema of the function or not', () => {
    expect(insertOf("INSERT INTO t SELECT * FROM blob_get('a', 'c', 'p') AS r (a int)")).toMatchObject({
      name: 'blob_get',
      args: "'a', 'c', 'p'",
    })
  })

  it('may make its table', () => {
    const text = `CREATE TEMP TABLE "T" (x) ON COMMIT DROP AS SELECT a FROM ${GET} r (a int)`
    expect(insertOf(`${text} -- end`)).toMatchObject({
      relation: '"T"',
      creation: `${text} WITH NO DATA`,
      columns: [],
      selected: ['a'],
    })
  })

  it.each([
    [`INSERT INTO t SELECT * FROM ${GET} AS r (a int);`, undefined],
    [`insert into t select r.* from ${GET} r (a int)`, undefined],
    [`INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', 'p', NULL::t)`, undefined],
    [`INSERT INTO t SELECT blob_get.a FROM azure_storage.blob_get('a', 'c', 'p', NULL::t, 'csv')`, ['a']],
  ])('may run as COPY: %s', (text, selected) => {
    expect(insertOf(text)).toMatchObject({ selected })
  })

  const rows = `${GET} AS r (a int)`
  it.each([
    `INSERT INTO t SELECT * FROM ${rows} WHERE true`,
    `INSERT INTO t SELECT * FROM ${rows} ORDER BY 1`,
    `INSERT INTO t SELECT * FROM ${rows} LIMIT 1`,
    `INSERT INTO t SELECT * FROM ${rows} OFFSET 1`,
    `INSERT INTO t SELECT * FROM ${rows} FOR UPDATE`,
    `INSERT INTO t SELECT * FROM ${rows} GROUP BY a`,
    `INSERT INTO t SELECT * FROM ${rows} HAVING true`,
    `INSERT INTO t SELECT * FROM ${rows} WINDOW w AS ()`,
    `INSERT INTO t SELECT * FROM ${rows} UNION ALL SELECT 1`,
    `INSERT INTO t SELECT DISTINCT * FROM ${rows}`,
    `INSERT INTO t SELECT ALL * FROM ${rows}, u`,
    `INSERT INTO t SELECT * FROM ${rows} JOIN u ON true`,
    `INSERT INTO t SELECT * FROM ${rows} TABLESAMPLE system (1)`,
    `INSERT INTO t SELECT * FROM ${GET} WITH ORDINALITY AS r (a, n)`,
    `INSERT INTO t SELECT * FROM ROWS FROM (${GET} AS (a int))`,
    `INSERT INTO t SELECT * FROM LATERAL ${rows}`,
    `INSERT INTO t (SELECT * FROM ${rows}) ON CONFLICT DO NOTHING`,
    `INSERT INTO t SELECT * FROM ${rows} RETURNING a`,
    `INSERT INTO t OVERRIDING USER VALUE SELECT * FROM ${rows}`,
    `INSERT INTO t AS u SELECT * FROM ${rows}`,
    `INSERT INTO db.s.t SELECT * FROM ${rows}`,
    `WITH w AS (SELECT 1) INSERT INTO t SELECT * FROM ${rows}`,
    `INSERT INTO t WITH w AS (SELECT 1) SELECT * FROM ${rows}`,
    `INSERT INTO t (a.b) SELECT * FROM ${rows}`,
    `INSERT INTO t (a[1]) SELECT * FROM ${rows}`,
    `INSERT INTO t (é) SELECT * FROM ${rows}`,
    `INSERT INTO t SELECT a + 1 FROM ${rows}`,
    `INSERT INTO t SELECT a::int FROM ${rows}`,
    `INSERT INTO t SELECT a, a FROM ${rows}`,
    `INSERT INTO t SELECT *, 1 FROM ${rows}`,
    `INSERT INTO t SELECT q.* FROM ${rows}`,
    `INSERT INTO t SELECT * FROM "azure_storage.blob_get"('a', 'c', 'p') AS r (a int)`,
    `INSERT INTO t SELECT * FROM other.blob_get('a', 'c', 'p') AS r (a int)`,
    `INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', lower('P')) AS r (a int)`,
    `INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', VARIADIC ARRAY['p']) AS r (a int)`,
    `INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', 'p' || 'q') AS r (a int)`,
    `INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', (SELECT 'p')) AS r (a int)`,
    `INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', 'p', options := options_tsv()) AS r (a int)`,
    `INSERT INTO t (SELECT * FROM ${rows})`,
    `INSERT INTO ${'t'.repeat(64)} SELECT * FROM ${rows}`,
    `CREATE TABLE IF NOT EXISTS t AS SELECT * FROM ${rows}`,
    `CREATE TABLE t AS SELECT * FROM ${rows} WITH NO DATA`,
    `CREATE TABLE t AS SELECT * FROM ${rows} WITH DATA`,
    `CREATE TABLE t AS (SELECT * FROM ${rows})`,
    `CREATE TABLE t AS SELECT * FROM ${rows} LIMIT 1`,
    `CREATE MATERIALIZED VIEW t AS SELECT * FROM ${rows}`,
    `CREATE VIEW t AS SELECT * FROM ${rows}`,
    `SELECT * INTO t FROM ${rows}`,
    `EXPLAIN INSERT INTO t SELECT * FROM ${rows}`,
    `PREPARE p AS INSERT INTO t SELECT * FROM ${rows}`,
    `INSERT INTO t SELECT * FROM ${rows}; SELECT 1`,
    `SELECT 1; INSERT INTO t SELECT * FROM ${rows}`,
  ])('runs as it is: %s', text => {
    expect(insertOf(text)).toBeUndefined()
  })

  it.each(['CAST(', 'azure_storage.options_tsv('])('runs as it is where its arguments are deep: %s', unit => {
    const [depth, close] = [4000, unit === 'CAST(' ? ' AS text)' : ')']
    const deep = `${unit.repeat(depth)}'p'${close.repeat(depth)}`
    expect(
      insertOf(`INSERT INTO t SELECT * FROM azure_storage.blob_get('a', 'c', ${deep}) AS r (a int)`),
    ).toBeUndefined()
  })

  it('runs as it is where a byte may be the half of a character', () => {
    expect(insertOf(`INSERT INTO t SELECT * FROM ${rows}`, { ...SETTINGS, encoding: 'SJIS' })).toBeUndefined()
  })
})
