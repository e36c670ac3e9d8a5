import type { Client } from 'pg'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Column } from './rows-of-blob.ts'

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
SELECT type::pg_catalog.int8::pg_catalog.text AS oid, pg_catalog.format_type(type, NULL) AS name,
  pg_catalog.format('"%s" %s', place, pg_catalog.format_type(type, typmod)) AS definition,
  typreceive::pg_catalog.oid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AS "isReceived"
FROM based JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) type
WHERE typtype OPERATOR(pg_catalog.<>) 'd' ORDER BY place`

export interface BaseType {
  readonly oid: string
  readonly name: string
  /** Of a column, named by its place. */
  readonly definition: string
  /** It has a binary form. */
  readonly isReceived: boolean
}

export async function baseTypes(admin: Client, columns: readonly Column[]): Promise<BaseType[]> {
  const values = [columns.map(({ oid }) => oid), columns.map(({ typmod }) => typmod)]
  return (await admin.query<BaseType>(BASE_TYPES, values)).rows
}

/**
 * Of the types that those given are made of: those that run code, and the row types that are not locked. A language
 * without a validator (PL/Tcl) lets anybody write the canonical function of a range. On the pinned path only what is in
 * pg_catalog and pg_temp has a name without its schema.
 */
const OPEN_TYPES = `
WITH RECURSIVE reached (type) AS (
  SELECT pg_catalog.unnest($1::pg_catalog.oid[])
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
  typrelid::pg_catalog.regclass::pg_catalog.text AS relation,
  EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.oid OPERATOR(pg_catalog.=) typrelid AND relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v}'::"char"[])
  ) AS "isTable"
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

export interface OpenType {
  readonly name: string
  readonly runsCode: boolean
  /** Of a row type; one that LOCK TABLE takes. */
  readonly relation: string
  readonly isTable: boolean
}

/**
 * Needs a transaction of its own. To a row type, even one in use, its owner can add a member that is a domain: so all are
 * locked until the transaction ends, and looked at then. @throws PgError where one runs code
 */
export async function closeTypes(
  admin: Client,
  oids: readonly string[],
  lock: (type: OpenType) => Promise<unknown>,
): Promise<void> {
  for (;;) {
    const { rows: types } = await admin.query<OpenType>(OPEN_TYPES, [oids])
    if (types.length === 0) return
    for (const type of types) {
      if (type.runsCode) throw partRunsCode(type.name)
      await lock(type)
    }
  }
}

function partRunsCode(type: string): PgError {
  return new PgError({
    message: `azure_storage: binary files cannot be read as a type that ${type} is a part of`,
    code: SQLSTATE.featureNotSupported,
    detail: 'A domain, or a range with a canonical function of its own, would run code as the proxy.',
    hint: 'Read it as a type without such a part, and cast.',
  })
}
