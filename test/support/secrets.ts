import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'

/** The forms in which a key, or the signature of a SAS, could turn up, also cut off. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'base64')
  const texts = [secret, encodeURIComponent(secret), bytes.toString('latin1'), bytes.toString('hex')]
  return [...new Set(texts.flatMap(text => [text.slice(0, 20), text.slice(-20)]))]
}

/** Those of the needles that are in a text. */
export const foundIn = (text: string, needles: readonly string[]): string[] =>
  needles.filter(needle => text.includes(needle) || text.includes(Buffer.from(needle, 'latin1').toString('hex')))

/** The files below `dir` that hold one of the needles. */
export async function foundInFiles(dir: string, needles: readonly string[]): Promise<string[]> {
  const patterns = needles.map(needle => Buffer.from(needle, 'latin1'))
  const found: string[] = []
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const contents = await readFile(path)
    if (patterns.some(pattern => contents.includes(pattern))) found.push(path)
  }
  return found
}

/** Command lines and environments of a process and its children. */
export async function processTexts(pid: number): Promise<string> {
  const texts: string[] = []
  for (const each of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const read = (file: string): Promise<string> => readFile(`/proc/${each}/${file}`, 'latin1').catch(() => '')
    const parent = /^PPid:\s*(\d+)/m.exec(await read('status'))?.[1]
    if (each === String(pid) || parent === String(pid)) texts.push(await read('cmdline'), await read('environ'))
  }
  return texts.join('\n')
}

const RELATIONS = `
SELECT format('SELECT t::text FROM %s AS t', c.oid::regclass) AS sql
FROM pg_class AS c WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND has_table_privilege(c.oid, 'SELECT')`

/** What takes no argument and may be called, and what takes a backend. */
const FUNCTIONS = `
SELECT CASE WHEN pronargs = 0 THEN format('SELECT t::text FROM %s() AS t', p.oid::regproc)
  ELSE format('SELECT t::text FROM pg_stat_activity AS a, %s(a.pid) AS t', p.oid::regproc) END AS sql
FROM pg_proc AS p
WHERE prokind = 'f' AND has_function_privilege(p.oid, 'EXECUTE')
  AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype, 'record'::regtype)
  AND (pronargs = 0 OR proname IN ('pg_stat_get_activity', 'pg_blocking_pids', 'pg_stat_get_backend_activity'))
  AND proname !~ '^(pg_sleep|pg_promote|pg_stop|pg_switch|pg_reload|pg_rotate|pg_(wal|xact)_replay|pg_backup)'`

/** All that an error tells: JSON leaves its message out. */
export const toldBy = (error: Error): string => JSON.stringify({ ...error, message: error.message })

/** Everything that a session can read: relations, and the results of functions. Of what it may not read, the errors. */
export async function everythingReadable(session: pg.Client): Promise<string> {
  const texts: string[] = []
  const { rows } = await session.query<{ sql: string }>(`${RELATIONS} UNION ALL ${FUNCTIONS}`)
  for (const { sql } of rows) {
    const result = await session.query({ text: sql, rowMode: 'array' }).catch(error => {
      texts.push(toldBy(error))
      return undefined
    })
    if (result) texts.push(result.rows.join('\n'))
  }
  return texts.join('\n')
}
