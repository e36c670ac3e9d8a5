import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

/** Values of every built-in type; each column gets a NULL besides. */
const VALUES: Record<string, string[]> = {
  boolean: ['t', 'f'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807'],
  oid: ['0', '4294967295'],
  real: ['NaN', 'Infinity', '-Infinity', '3.4028235e+38', '1e-45', '-0'],
  'double precision': ['NaN', 'Infinity', '-Infinity', '1.7976931348623157e308', '5e-324', '0.1', '-0'],
  numeric: ['NaN', 'Infinity', '-Infinity', `${'9'.repeat(100)}.${'1'.repeat(100)}`, '0.00', '-1e-200'],
  'numeric(10,3)': ['1234567.891', '-0.001'],
  money: ['-92233720368547758.08', '12.34'],
  text: ['', ' ', '\\N', '\\.', 'a,b', '"', "'", 'a\nb', 'a\r\nb', '\t', '\\', 'NULL', '日本 😀', 'x'.repeat(100_000)],
  'varchar(5)': ['', 'fünf5'],
  'char(5)': ['', 'a'],
  '"char"': ['a'],
  name: ['n', 'x'.repeat(63)],
  bytea: ['', '\\x00ff5c6e0a0d22'],
  date: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '2024-02-29'],
  time: ['00:00:00', '24:00:00', '12:34:56.789012'],
  timetz: ['00:00:00+15:59', '23:59:59.999999-15:59'],
  timestamp: ['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999'],
  timestamptz: ['infinity', '-infinity', '2024-03-31 02:30:00+02', '294276-12-31 23:59:59.999999+00'],
  interval: ['-178000000 years', '1 year 2 mons -3 days 04:05:06.789', '0'],
  uuid: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  json: ['{"a" : [1,  2, "x\\ny"]}', 'null'],
  jsonb: ['{"a": [1, 2, {"b": null}], "é": 1e400}', '""'],
  jsonpath: ['$."a"[*]?(@ > 1)'],
  xml: ['<a b="c">\n&amp;<!-- x --></a>', 'plain'],
  inet: ['192.168.0.1/24', '::1', '10.0.0.0/8'],
  cidr: ['10.0.0.0/8', '2001:db8::/32'],
  macaddr: ['08:00:2b:01:02:03'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  'bit(5)': ['10101'],
  varbit: ['', '1', '101010101'],
  point: ['(1,-2.5)', '(NaN,Infinity)'],
  line: ['{1,2,3}'],
  lseg: ['[(0,0),(1,1)]'],
  box: ['(2,2),(1,1)'],
  path: ['[(0,0),(1,1)]', '((0,0),(1,1),(2,0))'],
  polygon: ['((0,0),(1,1),(2,0))'],
  circle: ['<(1,1),2.5>'],
  tsvector: ["'a':1A,2 'it''s':3B 'sp ace'"],
  tsquery: ["'a' & !'b' <-> 'c':*A"],
  int4range: ['empty', '[1,10)', '(,)', '[5,)'],
  numrange: ['(1.5,2.5]'],
  daterange: ['[2024-01-01,2024-02-01)', '[,infinity)'],
  tstzrange: ['["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00"]'],
  int8multirange: ['{}', '{[1,3),[5,8)}'],
  pg_lsn: ['0/0', 'FFFFFFFF/FFFFFFFF'],
  pg_snapshot: ['10:20:10,14,15'],
  xid8: ['18446744073709551615'],
  regclass: ['pg_class', '-'],
  regtype: ['integer', 'text[]'],
  'integer[]': ['{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={5,6}'],
  'text[]': ['{"a,b","\\"q\\"",NULL,"NULL","",\\\\}'],
  'jsonb[]': ['{"{\\"a\\": 1}",null}'],
  pair: ['(1,"a,""b""")', '(,)', '(,"")'],
  'pair[]': ['{"(1,x)","(,)"}'],
  small: ['1', '9'],
  mood: ['sad', 'very "happy", indeed'],
  'mood[]': ['{sad,"very \\"happy\\", indeed"}'],
}
const TYPES = Object.keys(VALUES)

describe.each(servers)('every type into a blob and back on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('sad', 'very "happy", indeed');
      CREATE DOMAIN small AS int CHECK (VALUE BETWEEN 1 AND 9);
      CREATE TABLE t (id int, ${TYPES.map((type, i) => `c${i} ${type}`).join(', ')})`)
    const rows = Math.max(...TYPES.map(type => (VALUES[type] as string[]).length))
    for (let row = 0; row <= rows; row++) {
      const values = TYPES.map(type => (VALUES[type] as string[])[row] ?? null)
      await stack.client.query(`INSERT INTO t VALUES (${row}, ${TYPES.map((_, i) => `$${i + 1}`).join(', ')})`, values)
    }
  })
  afterAll(() => stack.close())

  it.each([
    ['rows.csv', ''],
    ['rows.csv.gz', "(HEADER, NULL 'none', DELIMITER ';')"],
    ['rows.tsv', ''],
    ['rows.tsv.gz', ''],
    ['rows.bin', '(FORMAT binary)'],
    ['rows.bin.gz', '(FORMAT binary)'],
  ])('%s %s', async (name, options) => {
    const { client } = stack
    const url = stack.blobUrl(name)
    await client.query(`CREATE TEMP TABLE back (LIKE t)`)
    const { rowCount } = await client.query(`COPY t TO '${url}' ${options}`)
    expect((await client.query(`COPY back FROM '${url}' ${options}`)).rowCount).toBe(rowCount)
    const differences = `SELECT t::text FROM t EXCEPT ALL SELECT back::text FROM back`
    expect((await client.query(differences)).rows).toEqual([])
    await client.query(`COPY back TO '${stack.blobUrl('again.bin')}' (FORMAT binary)`)
    await client.query(`COPY t TO '${stack.blobUrl('first.bin')}' (FORMAT binary)`)
    expect((await stack.getBytes('again.bin')).equals(await stack.getBytes('first.bin'))).toBe(true)
    await client.query('DROP TABLE back')
  })
})
