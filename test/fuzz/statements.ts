import type { Random } from '../support/random.ts'

/** Texts of single statements. What they answer must not hang on the session, the time or another session. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  reading: [
    'SELECT 1',
    'SELECT generate_series(1, 3)',
    'SELECT count(*), sum(a) FROM t',
    'TABLE t',
    "SELECT NULL::int, '', 'x'::bytea, 1.5, true",
    'SELECT',
    "SELECT repeat('x', 20000)",
    'SELECT a FROM t ORDER BY a LIMIT 2',
    "VALUES (1, 'a'), (2, NULL)",
    'SHOW DateStyle',
    'EXPLAIN (COSTS OFF) SELECT 1',
    'FETCH 2 FROM c',
    'FETCH ALL FROM c',
    'EXECUTE q(1)',
    'SELECT noisy(g) FROM generate_series(1, 3) g',
    'SELECT count(*) FROM pg_prepared_statements',
    'SELECT count(*) FROM pg_cursors',
  ],
  writing: [
    'INSERT INTO t VALUES (1)',
    'INSERT INTO t SELECT generate_series(1, 5) RETURNING a',
    'UPDATE t SET a = a + 1',
    'DELETE FROM t WHERE a > 3',
    'TRUNCATE t',
    'CREATE TEMP TABLE IF NOT EXISTS u (a int)',
    'CREATE TEMP TABLE u (a int)',
    'DROP TABLE IF EXISTS u',
    'INSERT INTO u VALUES (1)',
    'ALTER TABLE u ADD COLUMN b int',
    'TABLE u',
  ],
  transactions: [
    'BEGIN',
    'BEGIN',
    'BEGIN READ ONLY',
    'START TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'COMMIT',
    'COMMIT AND CHAIN',
    'ROLLBACK',
    'SAVEPOINT s',
    'ROLLBACK TO s',
    'RELEASE s',
  ],
  failing: [
    'SELECT 1/0',
    'SELEC',
    'SELECT nope',
    'SELECT * FROM missing',
    "SELECT 'a'::int",
    'VACUUM t',
    "DO $$BEGIN RAISE EXCEPTION 'refused' USING HINT = 'why', DETAIL = 'so'; END$$",
    'SELECT 6 / (3 - g) FROM generate_series(1, 5) g',
    'SELECT noisy(g) / (2 - g) FROM generate_series(1, 3) g',
  ],
  settings: [
    "SET DateStyle = 'German'",
    "SET TimeZone = 'Asia/Tokyo'",
    "SET LOCAL application_name = 'local'",
    "SET application_name = 'b'",
    'RESET application_name',
    "SELECT set_config('IntervalStyle', 'iso_8601', true)",
    'SET standard_conforming_strings = off',
    'SET standard_conforming_strings = on',
    "SET client_encoding = 'LATIN1'",
    "SET client_encoding = 'SJIS'",
    "SET client_encoding = 'UTF8'",
    'SET client_min_messages = debug1',
    'SET nothing.like = 1',
    'SET nothing = 1',
  ],
  session: [
    'LISTEN l',
    "NOTIFY l, 'x'",
    "NOTIFY l, 'y'",
    'UNLISTEN *',
    'PREPARE q AS SELECT $1::int, 2',
    'DEALLOCATE q',
    'DEALLOCATE ALL',
    'DECLARE c CURSOR FOR SELECT generate_series(1, 5)',
    'DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5)',
    'MOVE 1 FROM c',
    'CLOSE c',
    'CLOSE ALL',
    'DISCARD PLANS',
    'DISCARD ALL',
    "DO $$BEGIN RAISE NOTICE 'n'; RAISE WARNING 'w'; END$$",
    'SELECT pg_sleep(0.002)',
    'SET ROLE nobody_at_all',
  ],
  copyOut: [
    'COPY t TO STDOUT',
    'COPY (SELECT generate_series(1, 4)) TO STDOUT',
    "COPY (SELECT 1, repeat('x', 30000)) TO STDOUT (FORMAT binary)",
    'COPY (SELECT noisy(g) FROM generate_series(1, 3) g) TO STDOUT',
    'COPY (SELECT 6 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT',
    'COPY missing TO STDOUT',
  ],
  /** Texts that make the proxy look twice. */
  mentions: [
    "SELECT 'COPY t FROM ''https://acct.blob.core.windows.net/c/f.csv'''",
    'SELECT 1 /* COPY t FROM $$https://acct.blob.core.windows.net/c/f.csv$$ */',
    "SELECT 'azure_storage', 'extension'",
    'COPY t FROM https://acct.blob.core.windows.net/c/f.csv',
    `SELECT length('copy :// ${'x'.repeat(70_000)}')`,
    "SELECT 'a\\', ' COPY :// '",
    "SELECT length('ü'), 'é\\\\ü copy ://'",
  ],
  empty: ['', '-- nothing', '/* nothing */'],
}

/** A client's own COPY FROM STDIN. */
export const COPY_IN = [
  'COPY t FROM STDIN',
  'COPY t FROM STDIN (FORMAT csv)',
  'COPY t (a) FROM STDIN',
  'COPY t FROM STDIN (FORMAT binary)',
  'COPY missing FROM STDIN',
  'COPY u FROM STDIN',
] as const

/** The data of one, whole or in part, of its format or not. */
export const COPY_ROWS = ['1\n2\n', '3\n4', '5\n', '', 'bad\n', '\\.\n7\n', '6\n'.repeat(20_000), '\n'] as const

const KINDS = Object.keys(TEXTS)
const LIKELY = ['reading', 'reading', 'writing', 'writing', 'transactions', 'transactions', 'failing', 'session']

export function plainStatement(random: Random): string {
  const kind = random.chance(0.7) ? random.pick(LIKELY) : random.pick(KINDS)
  return random.pick(TEXTS[kind] as readonly string[])
}

/** For Parse: a text and how many parameters it has. */
export const WITH_PARAMETERS: readonly (readonly [text: string, parameters: number])[] = [
  ['SELECT $1::int + 1', 1],
  ['SELECT $1::text, $2::bytea', 2],
  ['INSERT INTO t VALUES ($1)', 1],
  ['SELECT length($1)', 1],
  ['SELECT generate_series(1, $1::int)', 1],
  ['SELECT $1', 1],
  ["SELECT 'open", 0],
]
