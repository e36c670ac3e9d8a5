import type { Random } from './random.ts'

/** What statements of blob_put() are made of, by their kinds; `{}` in a path is a number. */
export const PUT_TABLES = `
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE pair AS (a text, b int);
CREATE TABLE t (a int, gone int, b text, c numeric(8,2)); ALTER TABLE t DROP gone;
INSERT INTO t SELECT n, nullif(E'x,"' || n || E'\\\\\\n\\tü', 'x'), n / 3.0 FROM generate_series(1, 7) n;
INSERT INTO t VALUES (NULL, '', NULL), (-1, '\\.', 0), (0, NULL, 1);
CREATE TABLE every (d date, ts timestamptz, i interval, f float8, r real, by bytea, j json, jb jsonb, e mood, p positive, co pair,
  ia int[], ca pair[], k regclass, m money, u uuid, ch char(3), x xml, bits varbit, range int4range, box box);
INSERT INTO every SELECT '2024-02-29', '2024-01-01 00:00:00.5+05', '1 day -2:03', 1/3.0, 0.1, '\\x00ff5c', '{"a": "ü"}', '[1]', 'ok', 5,
  ROW('x,"y"', 2)::pair, '{1,NULL}', ARRAY[ROW('a', 1)::pair, NULL], 't', 12.34, '00000000-0000-0000-0000-000000000001', 'a', '<a/>', B'101',
  '[1,5)', '(1,2),(0,0)' FROM generate_series(1, 3);
INSERT INTO every (d) VALUES (NULL);
CREATE TABLE parent (a int, b text); CREATE TABLE child (c int) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 3);
CREATE TABLE parted (a int, b text) PARTITION BY LIST (a); CREATE TABLE part1 (b text, a int);
ALTER TABLE parted ATTACH PARTITION part1 FOR VALUES IN (1); INSERT INTO parted VALUES (1, 'one');
CREATE TABLE made (a int, twice int GENERATED ALWAYS AS (a * 2) STORED); INSERT INTO made VALUES (1), (2);
CREATE TABLE "Quoted ""T" ("a b" int, "ü" text); INSERT INTO "Quoted ""T" VALUES (1, 'é');
CREATE TABLE same (same int, x int); INSERT INTO same VALUES (1, 2);
CREATE TABLE same2 (x int, same2 pair); INSERT INTO same2 VALUES (1, ROW('a', 2)::pair), (2, NULL);
CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE empty (a int, b text); CREATE TABLE one (v text); INSERT INTO one VALUES (E'a\\n\\\\'), (NULL), ('');
CREATE VIEW seen AS SELECT b, a AS ctid FROM t WHERE a > 2; CREATE MATERIALIZED VIEW kept AS SELECT a, b FROM t;
CREATE TABLE acl (a int, l aclitem); INSERT INTO acl VALUES (1, NULL);
`

const TABLES = [
  't',
  'public.t AS t',
  'every',
  'every e',
  'parent',
  'ONLY parent',
  'parent * AS p',
  'parted',
  'made',
  'seen',
  'kept',
]
const ODD_TABLES = [
  '"Quoted ""T"',
  '"Quoted ""T" AS "q Q"',
  'same',
  'same2',
  'nothing',
  'empty',
  'one',
  'acl',
  't AS ctid',
  't AS x (k, l)',
]
const QUERIES = [
  'SELECT * FROM t',
  'SELECT a, b FROM t ORDER BY c DESC NULLS FIRST LIMIT 4',
  'VALUES (1, $$x$$), (2, NULL)',
  "SELECT 1 AS a, 'b' AS a, NULL",
  'WITH w AS (SELECT a FROM t) SELECT * FROM w UNION ALL SELECT 9',
  'SELECT t, row(1, t.b) AS r FROM t',
  'SELECT every.*, t.a FROM every, t WHERE t.a = 3',
  "SELECT 't'::regclass AS k, d::text, ts FROM every",
  'SELECT x.a, (SELECT count(*) FROM t) AS n FROM t x -- and so on\n',
  'SELECT b FROM one, t',
  'SELECT v FROM one',
  'SELECT WHERE false',
  'SELECT a FROM t WHERE false',
  'SELECT 10 / (a - 3) AS q FROM t',
  'SELECT a FROM t FOR UPDATE',
  'SELECT nowhere FROM t',
  "SELECT azure_storage_private.nonce() <> '' AS n, current_setting('DateStyle') AS q",
]
const CONDITIONS = [
  '',
  '',
  '',
  ' WHERE true',
  ' WHERE a > 1 -- more\n',
  ' WHERE a > 1 OR a IS NULL',
  ' WHERE false',
  ' WHERE 1 / (a - 3) > 0',
  ' WHERE EXISTS (SELECT FROM t z)',
]
const NAMES = [
  '{}.csv',
  '{}.tsv',
  '{}.txt',
  '{}.csv.gz',
  '{}.parquet',
  '{}',
  '{}.unknown',
  'a//b/{}.json',
  '{}/ü *?.csv',
]
const CODERS = ['auto', 'csv', 'tsv', 'text', 'binary', 'parquet', 'xml', 'wrong']
const COMPRESSIONS = ['auto', 'none', 'gzip', 'zstd', 'wrong']
const OPTIONS = [
  'NULL',
  `'{}'`,
  `'{"header": true}'`,
  `'{"header": "on", "delimiter": ";", "null_string": "\\\\N", "quote": "''", "escape": "!"}'::jsonb`,
  `'{"null_string": "ü"}'`,
  `'{"force_quote": ["*"]}'`,
  `'{"force_quote": ["a"]}'`,
  `'{"force_quote": ["nowhere"]}'`,
  `'{"delimiter": "ab"}'`,
  `'{"content_encoding": "LATIN1"}'`,
  `'{"content_encoding": "utf-8"}'`,
  `'{"wrong": 1}'`,
  `'[]'`,
  'azure_storage.options_csv_put(header := true, delimiter => $$|$$)',
  "azure_storage.options_csv_put(force_quote => ARRAY['b', 'a']::text[])",
  "azure_storage.options_tsv('~', 'null')",
  'azure_storage.options_parquet()',
  'azure_storage.options_nothing()',
]

export interface PutStatement {
  readonly sql: string
  readonly path: string
}

/** A statement that may run as COPY, or may not, or fails. `head` is `'account', 'container'`. */
export function putStatement(random: Random, head: string, number: number): PutStatement {
  const isQuery = random.chance(0.5)
  const source = isQuery
    ? `(${random.pick(QUERIES)}) ${random.pick(['q', 'AS q', 'q', '"q Q"', 'q (x, y)'])}`
    : random.pick(random.chance(0.6) ? TABLES : ODD_TABLES)
  const alias = /(?:^| )((?:"(?:[^"]|"")*"|\w+))(?: \(.*\))?$/.exec(source)?.[1] ?? ''
  const path = random.pick(random.chance(0.6) ? NAMES.slice(0, 3) : NAMES).replace('{}', String(number))
  const optional = [
    random.pick(random.chance(0.6) ? CODERS.slice(0, 3) : CODERS),
    random.pick(random.chance(0.6) ? ['auto', 'none'] : COMPRESSIONS),
  ].map(text => `'${text}'${random.pick(['', '', '::text'])}`)
  const all = [...optional, random.pick(random.chance(0.6) ? OPTIONS.slice(0, 7) : OPTIONS)]
  const more = all.slice(0, random.below(4))
  const name = random.pick([
    'azure_storage.blob_put',
    'azure_storage.blob_put',
    'AZURE_STORAGE . "blob_put"',
    'blob_put',
  ])
  const label = random.pick(['', '', ' AS x', ' "a b"', ' AS "größe"'])
  const call = `${name}(${[head, `'${path}'`, random.chance(0.95) ? alias : random.pick([`${alias}.*`, `(${alias})`, 'row(1)', '1']), ...more].join(', ')})`
  const odd = random.chance(0.1)
    ? random.pick([' LIMIT 1', ' GROUP BY ()', ' HAVING true', ' ORDER BY 1', ', t zz', ' UNION ALL SELECT NULL'])
    : ''
  return { sql: `SELECT ${call}${label} FROM ${source}${random.pick(CONDITIONS)}${odd}`, path }
}

/** What a session has set before. */
export const SESSIONS = [
  ["SET DateStyle = 'German, DMY'", 'SET IntervalStyle = iso_8601'],
  ["SET bytea_output = 'escape'", 'SET extra_float_digits = 0', "SET TimeZone = 'Asia/Kolkata'"],
  ['SET search_path = azure_storage, public'],
  ["SET search_path = ''"],
  ["SET client_encoding = 'LATIN1'"],
  ["SET client_encoding = 'UTF8'"],
  ['SET default_transaction_read_only = on'],
  ['SET standard_conforming_strings = off'],
  ['SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0'],
]
