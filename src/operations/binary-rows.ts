import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { connectAdmin } from '../backend/admin.ts'
import { fromDatabase } from '../backend/database-error.ts'
import type { ServerState } from '../backend/server-state.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { quoteLiteral } from '../sql/quote.ts'
import type { RowsOfBlob } from './rows-of-blob.ts'

const LOCK_TIMEOUT = '5s'

/** The columns' types with their modifiers; in the place of a domain what it is based on. */
const BASE_TYPES = `
WITH RECURSIVE based (place, type, typmod) AS (
  SELECT place, type, typmod
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]))
    WITH ORDINALITY AS t (type, typmod, place)
  UNION ALL
  SELECT place, typbasetype, typtypmod FROM based JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) type
  WHERE typtype OPERATOR(pg_catalog.=) 'd'
)
SELECT pg_catalog.string_agg(
  pg_catalog.format('"%s" %s', place, pg_catalog.format_type(type, typmod)), ', ' ORDER BY place) AS columns
FROM based JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) type
WHERE typtype OPERATOR(pg_catalog.<>) 'd'`

/**
 * Of the types that the table's columns are made of: those that run code, and the row types that are not locked. A
 * language without a validator (PL/Tcl) lets anybody write the canonical function of a range. On the pinned path only
 * what is in pg_catalog and pg_temp has a name without its schema.
 */
const OPEN_TYPES = `
WITH RECURSIVE reached (type) AS (
  SELECT atttypid FROM pg_catalog.pg_attribute
  WHERE attrelid OPERATOR(pg_catalog.=) 'pg_temp.blob'::pg_catalog.regclass AND attnum OPERATOR(pg_catalog.>) 0
  UNION
  SELECT part FROM reached JOIN (
    SELECT typarray, oid FROM pg_catalog.pg_type
    UNION ALL
    SELECT t.oid, atttypid
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) typrelid
    WHERE attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
    UNION ALL
    SELECT whole, part FROM pg_catalog.pg_range,
      LATERAL (VALUES (rngtypid, rngsubtype), (rngmultitypid, rngtypid)) AS r (whole, part)
  ) AS parts (whole, part) ON whole OPERATOR(pg_catalog.=) type
)
SELECT pg_catalog.format_type(type, NULL) AS name, typtype OPERATOR(pg_catalog.<>) 'c' AS "runsCode",
  typrelid::pg_catalog.regclass::pg_catalog.text AS relation
FROM reached JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) type
WHERE typtype OPERATOR(pg_catalog.=) 'd' OR EXISTS (
  SELECT FROM pg_catalog.pg_range
  JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) rngcanonical
  JOIN pg_catalog.pg_language AS l ON l.oid OPERATOR(pg_catalog.=) prolang
  WHERE rngtypid OPERATOR(pg_catalog.=) type
    AND lanname OPERATOR(pg_catalog.<>) 'internal' AND lanname OPERATOR(pg_catalog.<>) 'c'
) OR typtype OPERATOR(pg_catalog.=) 'c' AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_locks
  WHERE relation OPERATOR(pg_catalog.=) typrelid AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    AND locktype OPERATOR(pg_catalog.=) 'relation' AND granted
)`

interface OpenType {
  readonly name: string
  readonly runsCode: boolean
  readonly relation: string
}

/**
 * A binary COPY file as COPY's text format, in the database's encoding: only PostgreSQL knows the binary forms of its
 * types, so it reads the file into a temporary table of the proxy's own session. Dates and intervals come in the styles
 * that any session reads alike.
 * That session is a superuser's, so no code of the caller's may run in it: what a domain demands is left to the caller's.
 * @throws PgError
 */
export async function* binaryAsText(
  server: Pick<ServerState, 'backend' | 'isStandby'>,
  { call, columns, encoding }: RowsOfBlob,
  fileEncoding: string,
  file: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (server.isStandby) throw onStandby()
  const admin = await connectAdmin(server.backend, call.database)
  const stop = (): void => void admin.end()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await admin.query("SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'")
    // The caller's own transaction may have altered a row type, and waits for us.
    await admin.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`)
    await createTable(admin, columns)
    // Texts in a binary file are in the client's encoding, whatever COPY's option says.
    await admin.query("SELECT pg_catalog.set_config('client_encoding', $1, true)", [fileEncoding])
    const rowsIn = admin.query(copyFrom('COPY pg_temp.blob FROM STDIN (FORMAT binary)'))
    await pipeline(file, rowsIn, { signal })
    yield* admin.query(
      copyTo(`COPY pg_temp.blob TO STDOUT (ENCODING ${quoteLiteral(encoding)})`),
    ) as AsyncIterable<Buffer>
  } catch (error) {
    throw fromDatabase(error)
  } finally {
    signal.removeEventListener('abort', stop)
    await admin.end()
  }
}

/**
 * Needs a transaction of its own. To a row type, even one in use, its owner can add a member that is a domain: so all are
 * locked until the transaction ends, which LIKE does, and looked at then.
 */
async function createTable(admin: Client, columns: RowsOfBlob['columns']): Promise<void> {
  const values = [columns.map(({ oid }) => oid), columns.map(({ typmod }) => typmod)]
  const { rows } = await admin.query<{ columns: string }>(BASE_TYPES, values)
  await admin.query(`CREATE TEMP TABLE blob (${rows[0]?.columns})`)
  for (let locks = 0; ; ) {
    const { rows: types } = await admin.query<OpenType>(OPEN_TYPES)
    if (types.length === 0) return
    for (const { name, runsCode, relation } of types) {
      if (runsCode) throw partRunsCode(name)
      await admin.query(`CREATE TEMP TABLE lock_${++locks} (LIKE ${relation})`)
    }
  }
}

function onStandby(): PgError {
  return new PgError({
    message: 'azure_storage: binary files cannot be read on a standby',
    code: SQLSTATE.featureNotSupported,
    detail: 'PostgreSQL reads them into a temporary table, and a standby has none.',
  })
}

function partRunsCode(type: string): PgError {
  return new PgError({
    message: `azure_storage: binary files cannot be read as a type that ${type} is a part of`,
    code: SQLSTATE.featureNotSupported,
    detail: 'A domain, or a range with a canonical function of its own, would run code as the proxy.',
    hint: 'Read it as a type without such a part, and cast.',
  })
}
