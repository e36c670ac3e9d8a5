import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { DatabaseError } from 'pg-protocol'
import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { RowsOfBlob } from './request.ts'

/** The columns' types with their modifiers; in the place of a domain what it is based on. */
const BASE_TYPES = `
WITH RECURSIVE based (place, oid, typmod) AS (
  SELECT place, oid, typmod
  FROM ROWS FROM (unnest($1::oid[]), unnest($2::int[])) WITH ORDINALITY AS t (oid, typmod, place)
  UNION ALL
  SELECT place, typbasetype, typtypmod FROM based JOIN pg_type USING (oid) WHERE typtype = 'd'
)
SELECT string_agg(format('"%s" %s', place, format_type(oid, typmod)), ', ' ORDER BY place) AS columns
FROM based JOIN pg_type USING (oid) WHERE typtype <> 'd'`

/** The domains among the types that the table's columns are made of. */
const DOMAINS = `
WITH RECURSIVE reached (oid) AS (
  SELECT atttypid FROM pg_attribute WHERE attrelid = 'pg_temp.blob'::regclass AND attnum > 0
  UNION
  SELECT part FROM reached JOIN (
    SELECT typarray, oid FROM pg_type
    UNION ALL
    SELECT t.oid, atttypid FROM pg_type AS t JOIN pg_attribute ON attrelid = typrelid WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT whole, rngsubtype FROM pg_range, unnest(ARRAY[rngtypid, rngmultitypid]) AS whole
  ) AS parts (whole, part) ON whole = reached.oid
)
SELECT format_type(oid, NULL) AS name FROM reached JOIN pg_type USING (oid) WHERE typtype = 'd'`

/**
 * A binary COPY file as COPY's text format: only PostgreSQL knows the binary forms of its types, so it reads the file
 * into a temporary table of the proxy's own session. Dates and intervals come in the styles that any session reads alike.
 * That session is a superuser's, so no code of the caller's may run in it: what a domain demands is left to the caller's.
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
    await createTable(admin, columns)
    const rowsIn = admin.query(copyFrom('COPY pg_temp.blob FROM STDIN (FORMAT binary)'))
    await pipeline(file, rowsIn, { signal })
    yield* admin.query(copyTo('COPY pg_temp.blob TO STDOUT')) as AsyncIterable<Buffer>
  } catch (error) {
    throw error instanceof DatabaseError ? fromDatabase(error) : error
  } finally {
    signal.removeEventListener('abort', stop)
    await admin.end()
  }
}

/** Looks for domains when the table is there: from then on PostgreSQL lets nobody alter the row types in it. */
async function createTable(admin: Client, columns: RowsOfBlob['columns']): Promise<void> {
  const values = [columns.map(({ oid }) => oid), columns.map(({ typmod }) => typmod)]
  const { rows } = await admin.query<{ columns: string }>(BASE_TYPES, values)
  await admin.query(`CREATE TEMP TABLE blob (${rows[0]?.columns})`)
  const [domain] = (await admin.query<{ name: string }>(DOMAINS)).rows
  if (domain === undefined) return
  throw new PgError({
    message: `azure_storage: binary files cannot be read as a type that domain ${domain.name} is a part of`,
    code: SQLSTATE.featureNotSupported,
    hint: 'Read it as a type without domains, and cast.',
  })
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
