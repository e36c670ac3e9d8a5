import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { connectAdmin, isInRecovery } from '../backend/admin.ts'
import { fromDatabase } from '../backend/database-error.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { type RowLimits, rowsAsParameters } from './binary-parameters.ts'
import { baseTypes, closeTypes } from './binary-types.ts'
import type { RowsOfBlob } from './rows-of-blob.ts'

const LOCK_TIMEOUT = '5s'

/** What reads a binary file. */
interface BinaryServer extends RowLimits {
  readonly backend: BackendConfig
}

/**
 * A binary COPY file as COPY's text format, in the database's encoding: only PostgreSQL knows the binary forms of its
 * types, so it reads the file into a temporary table of the proxy's own session. A standby has none: there the fields
 * are parameters of a query, which takes longer. Dates and intervals come in the styles that any session reads alike.
 * That session is a superuser's, so no code of the caller's may run in it: what a domain demands is left to the caller's.
 * @throws PgError
 */
export async function* binaryAsText(
  server: BinaryServer,
  request: RowsOfBlob,
  fileEncoding: string,
  file: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const admin = await connectAdmin(server.backend, request.call.database)
  const stop = (): void => void admin.end()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await admin.query("SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'")
    // The caller's own transaction may have altered a row type, and waits for us.
    await admin.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`)
    // Texts in a binary file are in the client's encoding, whatever COPY's option says.
    const setEncoding = () => admin.query("SELECT pg_catalog.set_config('client_encoding', $1, true)", [fileEncoding])
    if (await isInRecovery(admin)) {
      yield* rowsAsParameters(admin, server, request.columns, setEncoding, file)
      return
    }
    await createTable(admin, request.columns)
    await setEncoding()
    const rowsIn = admin.query(copyFrom('COPY pg_temp.blob FROM STDIN (FORMAT binary)'))
    await pipeline(file, rowsIn, { signal })
    yield* admin.query(
      copyTo(`COPY pg_temp.blob TO STDOUT (ENCODING ${quoteLiteral(request.encoding)})`),
    ) as AsyncIterable<Buffer>
  } catch (error) {
    throw fromDatabase(error)
  } finally {
    signal.removeEventListener('abort', stop)
    await admin.end()
  }
}

const COLUMN_TYPES = `
SELECT pg_catalog.array_agg(atttypid::pg_catalog.int8::pg_catalog.text) AS oids FROM pg_catalog.pg_attribute
WHERE attrelid OPERATOR(pg_catalog.=) 'pg_temp.blob'::pg_catalog.regclass AND attnum OPERATOR(pg_catalog.>) 0`

/** LIKE locks a row type. */
async function createTable(admin: Client, columns: RowsOfBlob['columns']): Promise<void> {
  const types = await baseTypes(admin, columns)
  await admin.query(`CREATE TEMP TABLE blob (${types.map(({ definition }) => definition).join(', ')})`)
  const { rows } = await admin.query<{ oids: string[] }>(COLUMN_TYPES)
  let locks = 0
  await closeTypes(admin, rows[0]?.oids ?? [], ({ relation }) =>
    admin.query(`CREATE TEMP TABLE lock_${++locks} (LIKE ${relation})`),
  )
}
