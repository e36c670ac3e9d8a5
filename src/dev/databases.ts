import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { quoteIdent } from '../sql/quote.ts'

/** Where the snapshots' own tables are; nobody else's. Not `blobgres`, or it would hide the admin database. */
export const OWN_DATABASE = 'blobgres_stack'
/** Those that a snapshot is, that will be in a moment, and that were until a moment ago. */
export type Kind = 'snapshot' | 'new' | 'old'

const END_TIMEOUT_MS = 30_000
const POLL_MS = 2

/** @param id 12 hexadecimal digits */
export const nameOf = (kind: Kind, id: string, i: number): string => `blobgres_${kind}_${id}_${i}`

/** What nameOf() makes, and nothing that somebody else may call a database: these are dropped. */
const nameLike = (kinds: string): string => `'^blobgres_(${kinds})_[0-9a-f]{12}_[0-9]+$'`

/** The databases that people use; those called `always` also where nobody can connect to them, or they are templates. */
export async function listDatabases(admin: Client, always: readonly string[] = []): Promise<string[]> {
  const { rows } = await admin.query<{ datname: string }>(
    `SELECT datname FROM pg_catalog.pg_database
     WHERE (datallowconn AND NOT datistemplate OR datname = ANY ($1))
       AND datname <> '${OWN_DATABASE}' AND datname !~ ${nameLike('snapshot|new|old')}
     ORDER BY datname`,
    [always],
  )
  return rows.map(({ datname }) => datname)
}

/** Those of ours that belong to none of these snapshots. */
export async function dropOthers(admin: Client, snapshots: readonly string[]): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    `SELECT datname FROM pg_catalog.pg_database WHERE datname ~ ${nameLike('new|old')}
       OR datname ~ ${nameLike('snapshot')} AND pg_catalog.split_part(datname, '_', 3) <> ALL ($1)`,
    [snapshots],
  )
  for (const { datname } of rows) await drop(admin, datname)
}

export async function drop(admin: Client, database: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${quoteIdent(database)} WITH (FORCE)`)
}

/** Copying files is fastest, but for the wait until a disk has each of them; for small databases the log is written sooner. */
const STRATEGY = `CASE WHEN pg_catalog.current_setting('fsync') = 'off' THEN 'file_copy'
  WHEN pg_catalog.pg_database_size(oid) > 256 * 1024 * 1024 THEN 'file_copy' ELSE 'wal_log' END`

/** `to` becomes what `from` is, to which nobody may be connected. Nobody can connect to it. */
export async function clone(admin: Client, from: string, to: string): Promise<void> {
  const { rows } = await admin.query<{ owner: string; strategy: string }>(
    `SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) AS owner, ${STRATEGY} AS strategy
     FROM pg_catalog.pg_database WHERE datname = $1`,
    [from],
  )
  const { owner = 'postgres', strategy = 'wal_log' } = rows[0] ?? {}
  const how = `OWNER ${owner} STRATEGY ${strategy} ALLOW_CONNECTIONS false`
  await admin.query(`CREATE DATABASE ${quoteIdent(to)} TEMPLATE ${quoteIdent(from)} ${how}`)
  await changeCatalogues(admin, async () => {
    for (const statement of PROPERTIES) await admin.query(statement, [from, to])
  })
}

/** What of a database is outside of it, and CREATE DATABASE leaves: rights, with what they depend on, limit, settings, comment. */
const IDS = `(SELECT oid FROM pg_catalog.pg_database WHERE datname = $1) AS a (id),
  (SELECT oid FROM pg_catalog.pg_database WHERE datname = $2) AS b (id)`
const PROPERTIES = [
  `UPDATE pg_catalog.pg_database AS t SET datacl = s.datacl, datconnlimit = s.datconnlimit
   FROM pg_catalog.pg_database AS s WHERE s.datname = $1 AND t.datname = $2`,
  `INSERT INTO pg_catalog.pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
   SELECT dbid, classid, b.id, objsubid, refclassid, refobjid, deptype FROM pg_catalog.pg_shdepend, ${IDS}
   WHERE dbid = 0 AND classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND objid = a.id AND deptype <> 'o'`,
  `INSERT INTO pg_catalog.pg_db_role_setting (setdatabase, setrole, setconfig)
   SELECT b.id, setrole, setconfig FROM pg_catalog.pg_db_role_setting, ${IDS} WHERE setdatabase = a.id`,
  `INSERT INTO pg_catalog.pg_shdescription (objoid, classoid, description)
   SELECT b.id, classoid, description FROM pg_catalog.pg_shdescription, ${IDS}
   WHERE objoid = a.id AND classoid = 'pg_catalog.pg_database'::pg_catalog.regclass`,
]

/** One transaction in which catalogues can be written to like tables. */
export async function changeCatalogues(admin: Client, change: () => Promise<void>): Promise<void> {
  await admin.query('BEGIN')
  try {
    await admin.query('SET LOCAL allow_system_table_mods = on')
    await change()
    await admin.query('COMMIT')
  } catch (error) {
    await admin.query('ROLLBACK').catch(() => {}) // the connection may be lost
    throw error
  }
}

/**
 * In changeCatalogues(), where it disturbs no session, while ALTER DATABASE waits until there is none, and takes one at a time.
 * It is no template any more, which could not be dropped.
 */
export async function rename(admin: Client, from: string, to: string, isOpen: boolean): Promise<void> {
  const change =
    'UPDATE pg_catalog.pg_database SET datname = $2, datallowconn = $3, datistemplate = false WHERE datname = $1'
  await admin.query(change, [from, to, isOpen])
}

export async function setOpen(admin: Client, databases: readonly string[], isOpen: boolean): Promise<void> {
  await changeCatalogues(admin, async () => {
    const change = 'UPDATE pg_catalog.pg_database SET datallowconn = $2 WHERE datname = ANY ($1)'
    await admin.query(change, [databases, isOpen])
  })
}

/** Ends all sessions there, and waits until they are gone. */
export async function endSessions(admin: Client, databases: readonly string[]): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS
  const end = `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = ANY ($1)`
  while ((await admin.query(end, [databases])).rowCount !== 0) {
    if (performance.now() > deadline) throw new Error(`sessions in ${databases.join(', ')} do not end`)
    await sleep(POLL_MS)
  }
}
