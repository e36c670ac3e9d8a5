import type { Client } from 'pg'

interface Row {
  readonly account_name: string
  readonly auth_type: 'access-key' | 'managed-identity'
  /** Null for a managed identity. */
  readonly sealed_credentials: string | null
}

/**
 * A view that takes the table's place is not to be read: it would run what its owner has put there. And whoever drops the
 * extension, in a transaction that stays open, holds up nobody for long.
 */
const PREPARE = `
SELECT pg_catalog.set_config('lock_timeout', '2s', false),
  CASE WHEN pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL
    THEN pg_catalog.set_config('restrict_nonsystem_relation_kind', 'view,foreign-table', false) END`

/**
 * A database's owner can put there what is called like the extension's. A table runs no code, and what superusers own, schema
 * included, nobody else can exchange for a view.
 */
const IS_OURS = `
SELECT FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) c.relowner
  JOIN pg_catalog.pg_roles AS s ON s.oid OPERATOR(pg_catalog.=) n.nspowner
  JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) c.oid
    AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
    AND d.deptype OPERATOR(pg_catalog.=) 'e'
  JOIN pg_catalog.pg_extension AS e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
WHERE e.extname OPERATOR(pg_catalog.=) 'azure_storage' AND n.nspname OPERATOR(pg_catalog.=) 'azure_storage'
  AND c.relname OPERATOR(pg_catalog.=) 'accounts' AND c.relkind OPERATOR(pg_catalog.=) 'r' AND r.rolsuper AND s.rolsuper`

/** The accounts of a database; undefined: it has no extension of ours. `admin` is a connection to it for this alone. */
export async function registeredIn<C extends keyof Row>(
  admin: Client,
  columns: readonly C[],
): Promise<Pick<Row, C>[] | undefined> {
  await admin.query(PREPARE)
  if ((await admin.query(IS_OURS)).rowCount === 0) return undefined
  return (await admin.query<Pick<Row, C>>(`SELECT ${columns.join(', ')} FROM azure_storage.accounts`)).rows
}
