import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { DatabaseError } from 'pg-protocol'
import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config.ts'
import { PgError } from '../protocol/pg-error.ts'
import { changeOids } from './binary-oids.ts'
import { createCodelessTable, type NamedType } from './codeless-types.ts'
import type { RowsOfBlob } from './request.ts'

/**
 * A binary COPY file as COPY's text format: only PostgreSQL knows the binary forms of its types, so it reads the file
 * into a temporary table of the proxy's own session. Dates and intervals come in the styles that any session reads alike.
 * What the types themselves demand, such as the CHECK of a domain, is left to the caller's session.
 * @throws PgError
 */
export async function* binaryAsText(
  backend: BackendConfig,
  { call, columns }: RowsOfBlob,
  file: Readable,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const admin = await connectAdmin(backend, call.database)
  const stop = (): void => void admin.end()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await admin.query(
      "SET search_path = ''; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'",
    )
    const { rows } = await admin.query<NamedType>(
      `SELECT oid, format_type(oid, typmod) AS sql
       FROM ROWS FROM (unnest($1::oid[]), unnest($2::int[])) AS t (oid, typmod)`,
      [columns.map(({ oid }) => oid), columns.map(({ typmod }) => typmod)],
    )
    const changes = await createCodelessTable(admin, 'blob', rows)
    const rowsIn = admin.query(copyFrom('COPY pg_temp.blob FROM STDIN (FORMAT binary)'))
    const changing = changes.some(each => each !== undefined) ? [changeOids(changes)] : []
    await pipeline([file, ...changing, rowsIn], { signal })
    yield* admin.query(copyTo('COPY pg_temp.blob TO STDOUT')) as AsyncIterable<Buffer>
  } catch (error) {
    throw error instanceof DatabaseError ? fromDatabase(error) : error
  } finally {
    signal.removeEventListener('abort', stop)
    await admin.end()
  }
}

function fromDatabase(error: DatabaseError): PgError {
  return new PgError({
    message: error.message,
    code: error.code ?? 'XX000',
    detail: error.detail,
    hint: error.hint,
    context: error.where,
    cause: error,
  })
}
