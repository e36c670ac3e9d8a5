import type { ConnectionOptions } from 'node:tls'
import { Client } from 'pg'
import type { BackendConfig } from '../config/backend-url.ts'
import { backendTls, tlsOptions } from '../connection/backend-tls.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { PINNED_OPTIONS, pinTheOthers } from './pinned-settings.ts'

/** A server that accepts connections and stays silent. */
const CONNECT_TIMEOUT_MS = 30_000

/** Holds what the backend waits for in azure_storage_private.copy_settle(). */
export interface CommitLock {
  readonly key: bigint
  /** Lets the backend go on: the blob is committed. Where that cannot be told any more, its wait ends with an error. */
  confirm(): Promise<void>
}

/**
 * A connection of the proxy's own, as the configured superuser; the caller ends it. Its settings are pinned: whoever owns
 * the database has no say in what its statements do. @throws PgError
 */
export async function connectAdmin(backend: BackendConfig, database = backend.database): Promise<Client> {
  const tls = backendTls(backend)
  try {
    if (tls === undefined) return await connect(backend, database, false)
    return await connect(backend, database, tlsOptions(backend, tls)).catch(error => {
      if (tls.mode === 'prefer' && isWithoutTls(error)) return connect(backend, database, false)
      throw error
    })
  } catch (error) {
    throw new PgError({
      message: `azure_storage: the proxy cannot connect to database "${database}" as user "${backend.user}"`,
      code: SQLSTATE.sqlclientUnableToEstablishSqlconnection,
      detail: error instanceof Error ? error.message : String(error),
      cause: error,
    })
  }
}

async function connect(backend: BackendConfig, database: string, ssl: ConnectionOptions | false): Promise<Client> {
  const client = new Client({
    host: backend.socketPath === undefined ? backend.host : backend.socketPath.replace(/\/\.s\.PGSQL\.\d+$/, ''),
    port: backend.port,
    user: backend.user,
    password: backend.password,
    database,
    ssl,
    application_name: 'blobgres',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: PINNED_OPTIONS,
  })
  // A lost connection shows in the next query; without a listener it would end the process.
  client.on('error', () => {})
  await client.connect()
  try {
    await pinTheOthers(client)
    return client
  } catch (error) {
    await client.end()
    throw error
  }
}

/** The driver's words for a server that answers a request for TLS with no. */
function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections'
}

/** Whether the server is a standby: nothing can be written. */
export async function isInRecovery(admin: Client): Promise<boolean> {
  const { rows } = await admin.query<{ recovery: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS recovery')
  return rows[0]?.recovery ?? false
}

/** An advisory lock on a key of the caller's. When `admin` ends before it is confirmed, the backend's wait ends with an error. */
export async function takeCommitLock(admin: Client, key: bigint): Promise<CommitLock> {
  await admin.query('SELECT pg_catalog.pg_advisory_lock($1)', [key])
  return {
    key,
    async confirm() {
      try {
        await admin.query('SELECT pg_catalog.pg_advisory_lock($1)', [key ^ 1n])
        await admin.query('SELECT pg_catalog.pg_advisory_unlock($1)', [key])
      } catch {
        await admin.end() // what the backend's wait ends with is the client's to hear
      }
    },
  }
}
