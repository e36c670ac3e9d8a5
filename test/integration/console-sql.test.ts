import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { runSql } from '../../src/console/run-sql.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { describeWith } from '../support/tools.ts'

/** Columns of every alignment; values that a terminal would act on, that are wide, that have several lines; what is no result. */
const TEXTS = [
  'SELECT 1 AS a, 2.50 AS numeric_column, NULL AS nothing, true AS b',
  "SELECT 'x' AS a_long_name, 12345678 AS n UNION ALL SELECT 'a longer value', -1",
  'SELECT n, repeat(chr(96 + n), n) AS text FROM generate_series(1, 12) AS n',
  "SELECT E'one\\ntwo\\nthree' AS lines, 7 AS n, E'a\\n\\nb' AS last",
  "SELECT E'a\\tb' AS tab, E'\\x1b[31mred' AS escape, E'\\r' AS return, U&'\\0085' AS c1, 'x' AS x",
  "SELECT '東京' AS wide, 'é' AS composed, U&'e\\0301' AS combining, '😀' AS emoji, 'x' AS x",
  'SELECT 1 AS "東京", 2 AS "two words"',
  'SELECT',
  'SELECT FROM generate_series(1, 3)',
  'SELECT 1 AS none WHERE false',
  'CREATE TEMP TABLE t (a int, b text); INSERT INTO t VALUES (1, $$x$$), (2, NULL) RETURNING *; UPDATE t SET a = 3; TABLE t',
  'COPY (VALUES (1, $$x$$), (2, NULL)) TO STDOUT',
  'SHOW search_path; EXPLAIN (COSTS off) SELECT 1',
  'SET client_min_messages = notice; DO $$ BEGIN RAISE NOTICE $q$hello$q$ USING DETAIL = $q$d$q$, HINT = $q$h$q$; END $$',
  '-- nothing',
  'BEGIN; SELECT 1 AS one; COMMIT; SELECT 2 AS two',
]

const ERRORS = [
  'SELECT 1 / 0',
  'SELECT 1 AS fine; SELECT missing FROM pg_class; SELECT 2',
  'SELECT 1,\n\t2,\n\tmissing\nFROM pg_class',
  "SELECT '東京', missing",
  'SELEC 1',
  "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'because', HINT = 'try'; END $$",
  "DO $$ BEGIN EXECUTE 'SELECT missing'; END $$",
  'SELECT abs(1, 2, 3)',
]

async function console(url: string, sql: string, signal?: AbortSignal) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const status = await runSql(url, sql, { stdout, stderr }, signal)
  stdout.end()
  stderr.end()
  return { stdout: await text(stdout), stderr: await text(stderr), status: status ? 0 : 1 }
}

describeWith('psql').each(servers)('blobgres sql on PostgreSQL $version', ({ host, port, superuser }) => {
  const url = `postgres://${superuser}@${host}:${port}/postgres`

  it.concurrent.each([...TEXTS, ...ERRORS])('shows what psql shows: %s', async sql => {
    const { stdout, stderr, status } = await psql(url, ['-c', sql])
    expect(await console(url, sql)).toEqual({ stdout, stderr, status })
  })

  it('cancels what is under way when it is interrupted', async () => {
    const interrupted = new AbortController()
    const result = console(url, `SELECT pg_sleep(60) -- interrupted`, interrupted.signal)
    const asleep = `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%-- interrupted'`
    await expect.poll(async () => (await psql(url, ['-At', '-c', asleep])).stdout).toBe('1\n')
    interrupted.abort()
    const stderr = 'ERROR:  canceling statement due to user request\n'
    expect(await result).toEqual({ stdout: '', stderr, status: 1 })
  })
})
