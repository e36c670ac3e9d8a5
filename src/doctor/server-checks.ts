import type { Client } from 'pg'
import { connectToChosen } from '../backend/choose-host.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { quoteIdent, quoteShellWord } from '../sql/quote.ts'
import type { Database } from './databases.ts'
import { type Finding, failed, look, type Outcome, ok, psql, shell, untried, wordsOf } from './finding.ts'

export const OLDEST_VERSION = 15

export interface Server {
  readonly admin: Client
  readonly backend: BackendConfig
}

/** A connection of the proxy's own; `refused` where the server has let in somebody who is no superuser. */
export async function checkBackend(
  configured: BackendConfig,
): Promise<{ finding: Finding; server?: Server; refused?: string }> {
  let server: Server | undefined
  let refused: string | undefined
  const where = placeOf(configured)
  const finding = await look('backend', async signal => {
    try {
      const connected = await connectToChosen(configured)
      if (signal.aborted) await connected.admin.end()
      else server = connected
      return ok(`${placeOf(connected.backend)} answers`)
    } catch (error) {
      const cause = (error as Error).cause as { readonly code?: string; readonly message?: string } | undefined
      // What a proxy sets when it connects is for superusers.
      if (cause?.code === SQLSTATE.insufficientPrivilege) {
        refused = cause.message
        return ok(`${where} answers`)
      }
      return failed(`${where}: ${wordsOf(error)}`, helpWith(cause?.code, configured))
    }
  })
  return { finding, ...(server && { server }), ...(refused !== undefined && { refused }) }
}

const placeOf = ({ host, port, socketPath }: BackendConfig): string => socketPath ?? `${host}:${port}`

function helpWith(
  code: string | undefined,
  { host, port, user, database }: BackendConfig,
): Pick<Outcome, 'fix' | 'advice'> {
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
      return { advice: 'Start the server, or say where it is with BLOBGRES_BACKEND.' }
    case '28P01':
      return { advice: "Put the superuser's password into BLOBGRES_BACKEND_PASSWORD." }
    case '3D000':
      return shell(
        `createdb ${['-h', host, '-p', port, '-U', user, database].map(word => quoteShellWord(String(word))).join(' ')}`,
      )
    default:
      return { advice: 'See --backend in `blobgres help serve`, and pg_hba.conf of the server.' }
  }
}

export function checkSuperuser(
  user: string,
  server: Server | undefined,
  refused: string | undefined,
): Promise<Finding> {
  return look('superuser', async () => {
    const fix = psql(`ALTER ROLE ${quoteIdent(user)} SUPERUSER;`)
    if (refused !== undefined) return failed(`${user} is none: ${refused}`, fix)
    if (server === undefined) return untried('the server does not let the proxy in')
    const { rows } = await server.admin.query<{ rolsuper: boolean }>(
      'SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) session_user',
    )
    return rows[0]?.rolsuper ? ok(`${user} is one`) : failed(`${user} is none`, fix)
  })
}

export function checkVersion({ admin }: Server): Promise<Finding> {
  return look('version', async () => {
    const { rows } = await admin.query<{ number: string; version: string }>(
      "SELECT pg_catalog.current_setting('server_version_num') AS number, pg_catalog.current_setting('server_version') AS version",
    )
    return judgeVersion(Number(rows[0]?.number), rows[0]?.version ?? '')
  })
}

export const judgeVersion = (number: number, version: string): Outcome =>
  number >= OLDEST_VERSION * 10_000
    ? ok(`PostgreSQL ${version}`)
    : failed(`PostgreSQL ${version} is older than ${OLDEST_VERSION}`, {
        advice: `Upgrade the server to ${OLDEST_VERSION} or newer, with pg_upgrade or a dump.`,
      })

/** Of a database with the extension: in SQL_ASCII texts are stored as they come, whatever they are. */
export function checkEncoding({ name, encoding }: Database): Promise<Finding> {
  return look(`encoding of ${name}`, async () => {
    if (encoding !== 'SQL_ASCII') return ok(encoding)
    const other = quoteIdent(`${name}_utf8`.slice(-63))
    return failed('SQL_ASCII: texts of any encoding get in unchecked', {
      ...psql(`CREATE DATABASE ${other} ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C';`),
      advice: 'Move what is in it there, with pg_dump.',
    })
  })
}

/** The functions reach the proxy with its C functions. LOAD is for superusers, and changes this session alone. */
export function checkDblink({ admin }: Server): Promise<Finding> {
  return look('dblink', async () => {
    try {
      await admin.query("LOAD '$libdir/dblink'")
      return ok('the library is there')
    } catch (error) {
      const { rows } = await admin.query<{ version: string }>('SELECT pg_catalog.version() AS version')
      return failed(wordsOf(error), packageOf(rows[0]?.version ?? ''))
    }
  })
}

/** On the server's machine. */
export function packageOf(version: string): Pick<Outcome, 'fix' | 'advice'> {
  const [, major = ''] = /^PostgreSQL (\d+)/.exec(version) ?? []
  const advice = "It is in PostgreSQL's contrib modules; install them where the server is."
  if (/Debian|Ubuntu/.test(version)) return { ...shell(`sudo apt-get install -y postgresql-${major}`), advice }
  if (/Red Hat/.test(version)) return { ...shell(`sudo dnf install -y postgresql${major}-contrib`), advice }
  return { advice }
}
