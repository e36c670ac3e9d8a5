import type { Client } from 'pg'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { OidChanges } from './binary-oids.ts'

/** A type by its name in SQL, with modifiers such as those of numeric(10,2). */
export interface NamedType {
  readonly oid: number
  readonly sql: string
}

/** A type whose values look the same in text as those of the one it stands for, and that runs no code of a user's. */
interface CodelessType extends NamedType {
  /** Makes a binary value of the one a value of the other; undefined: it is the same. */
  readonly changes: OidChanges | undefined
}

interface TypeRow {
  readonly oid: number
  readonly kind: 'plain' | 'domain' | 'array' | 'composite' | 'range'
  readonly parts: readonly NamedType[]
}

/** The types that the given ones are made of, and what those are made of in turn. */
const TYPES = `
WITH RECURSIVE reached (oid) AS (
  SELECT unnest($1::oid[])
  UNION
  SELECT part FROM reached JOIN parts ON parts.whole = reached.oid
), parts (whole, part, typmod, place) AS NOT MATERIALIZED (
  SELECT oid, typbasetype, typtypmod, 1 FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT typarray, oid, NULL, 1 FROM pg_type WHERE typarray <> 0
  UNION ALL
  SELECT t.oid, atttypid, atttypmod, attnum FROM pg_type AS t JOIN pg_attribute ON attrelid = typrelid
  WHERE typtype = 'c' AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT whole, rngsubtype, NULL, 1 FROM pg_range, unnest(ARRAY[rngtypid, rngmultitypid]) AS whole
)
SELECT t.oid,
  CASE WHEN typtype = 'd' THEN 'domain' WHEN typtype = 'c' THEN 'composite' WHEN typtype IN ('r', 'm') THEN 'range'
    WHEN count(part) > 0 THEN 'array' ELSE 'plain' END AS kind,
  coalesce(json_agg(json_build_object('oid', part::bigint, 'sql', format_type(part, typmod)) ORDER BY place)
    FILTER (WHERE part IS NOT NULL), '[]') AS parts
FROM reached JOIN pg_type AS t USING (oid) LEFT JOIN parts ON whole = t.oid
GROUP BY t.oid, typtype`

/**
 * Creates `table` in the proxy's own session, for values of the given types; returns what makes binary values ones of its
 * columns. The session is a superuser's, and a domain's CHECK is a function call: so a domain becomes what it is based on,
 * and a composite, which its owner could change at any moment, a temporary type of the session's. Needs an empty
 * search_path. @throws PgError
 */
export async function createCodelessTable(
  admin: Client,
  table: string,
  types: readonly NamedType[],
): Promise<(OidChanges | undefined)[]> {
  const { rows } = await admin.query<TypeRow>(TYPES, [types.map(({ oid }) => oid)])
  const byOid = new Map(rows.map(row => [row.oid, row]))
  const known = new Map<string, CodelessType>()
  let composites = 0

  const codeless = async (type: NamedType): Promise<CodelessType> => {
    const found = known.get(type.sql) ?? (await copyOf(type))
    known.set(type.sql, found)
    return found
  }

  const copyOf = async ({ oid, sql }: NamedType): Promise<CodelessType> => {
    const { kind, parts } = byOid.get(oid) ?? MISSING
    const copies: CodelessType[] = []
    for (const part of parts) copies.push(await codeless(part))
    if (kind === 'composite') {
      const name = `pg_temp.codeless_${++composites}`
      await create(admin, `TYPE ${name} AS`, name, copies)
      const fields = copies.map((copy, i) => ({ from: parts[i]?.oid as number, to: copy.oid, value: copy.changes }))
      return { sql: name, oid: await oidOf(admin, '$1::regtype', name), changes: { kind, fields } }
    }
    const [part] = parts
    const [copy] = copies
    if (part === undefined || copy === undefined || (copy.oid === part.oid && kind !== 'domain')) {
      return { oid, sql, changes: undefined }
    }
    if (kind === 'domain') return copy
    // An array of arrays is a type only where the inner one is a domain; and what a range does hangs on its subtype.
    if (kind === 'range' || copy.sql.endsWith('[]')) throw unreadable(sql)
    const array = await oidOf(admin, '(SELECT typarray FROM pg_type WHERE oid = $1)', copy.oid)
    return {
      sql: `${copy.sql}[]`,
      oid: array,
      changes: { kind: 'array', from: part.oid, to: copy.oid, element: copy.changes },
    }
  }

  const columns: CodelessType[] = []
  for (const type of types) columns.push(await codeless(type))
  await create(admin, `TEMP TABLE ${table}`, `pg_temp.${table}`, columns)
  return columns.map(({ changes }) => changes)
}

/** A type that was dropped in the meantime: its name will not be found either. */
const MISSING: Omit<TypeRow, 'oid'> = { kind: 'plain', parts: [] }

/** Creates a relation whose members have just these types: a name could be another type's by now. */
async function create(admin: Client, what: string, name: string, members: readonly CodelessType[]): Promise<void> {
  await admin.query(`CREATE ${what} (${members.map(({ sql }, i) => `"${i + 1}" ${sql}`).join(', ')})`)
  const { rows } = await admin.query<{ oid: number }>(
    'SELECT atttypid AS oid FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum',
    [name],
  )
  if (members.every(({ oid }, i) => rows[i]?.oid === oid)) return
  throw new PgError({
    message: 'azure_storage: the types of the columns were changed meanwhile',
    code: SQLSTATE.objectNotInPrerequisiteState,
  })
}

async function oidOf(admin: Client, expression: string, value: string | number): Promise<number> {
  const { rows } = await admin.query<{ oid: number }>(`SELECT ${expression}::oid AS oid`, [value])
  return rows[0]?.oid as number
}

function unreadable(type: string): PgError {
  return new PgError({
    message: `azure_storage: binary files cannot be read as ${type}`,
    code: SQLSTATE.featureNotSupported,
    detail: 'It is a range of a domain or of a row type, or an array of a domain over an array.',
  })
}
