import type { Client } from 'pg'
import type { BackendConfig } from '../config/backend-url.ts'
import { updateExtension } from '../extension/update.ts'
import type { Logger } from '../log.ts'
import { connectAdmin } from './admin.ts'

/** A server may have hundreds of databases, and few connections to spare. */
const AT_ONCE = 4

/**
 * Brings the extension up to date in every database of the server that has it. What goes wrong in one is logged, and ends
 * nothing: its functions may fail until ALTER EXTENSION azure_storage UPDATE. `admin` is connected to any database.
 */
export async function updateDatabases(admin: Client, backend: BackendConfig, log: Logger): Promise<void> {
  await eachDatabase(admin, database => updateDatabase(backend, database, log))
}

/** Does something with each database of the server that can be connected to, some at a time. */
export async function eachDatabase(admin: Client, work: (database: string) => Promise<void>): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    // -2 is what an interrupted DROP DATABASE has left.
    'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit OPERATOR(pg_catalog.<>) -2',
  )
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let next = rows.pop(); next !== undefined; next = rows.pop()) await work(next.datname)
  })
  await Promise.all(workers)
}

async function updateDatabase(backend: BackendConfig, database: string, log: Logger): Promise<void> {
  try {
    const admin = await connectAdmin(backend, database)
    const result = await updateExtension(admin).finally(() => admin.end())
    if (result === 'updated') log.info({ database }, 'the extension is up to date now')
    if (result === 'newer') log.warn({ database }, 'the extension is of a newer Blobgres than this one')
  } catch (error) {
    log.warn(
      { err: error, database },
      'cannot bring the extension up to date: its functions may fail until ALTER EXTENSION azure_storage UPDATE',
    )
  }
}
