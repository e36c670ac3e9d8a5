import type { Client } from 'pg'

/** What all databases share, with what is looked at there: roles, memberships, settings, rights; not the proxy's own key. */
const CATALOGUES: Readonly<Record<string, string>> = {
  pg_authid: `t.rolname <> 'azure_storage_key'`,
  pg_auth_members: 'true',
  pg_db_role_setting: `t.setdatabase = 0 AND t.setrole <> 'azure_storage_key'::pg_catalog.regrole`,
  pg_parameter_acl: 'true',
  pg_shdescription: `t.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass`,
  // Those of databases come and go with the databases.
  pg_shdepend: `t.dbid = 0 AND t.classid <> 'pg_catalog.pg_database'::pg_catalog.regclass`,
}

const rowsOf = (catalogue: string, filter: string): string => `(
  SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(t) ORDER BY pg_catalog.to_jsonb(t)), '[]')
  FROM pg_catalog.${catalogue} AS t WHERE ${filter})`

/** An expression for all of it, as jsonb. */
export const SHARED = `pg_catalog.jsonb_build_object(${Object.entries(CATALOGUES)
  .map(([catalogue, filter]) => `'${catalogue}', ${rowsOf(catalogue, filter)}`)
  .join(', ')})`

/**
 * Makes it what it was, row by row, in a transaction that may change catalogues. No statement does so for roles that databases
 * refer to by their oids: these are to be the same roles.
 */
export async function restoreShared(admin: Client, kept: string): Promise<void> {
  const { rowCount } = await admin.query(`SELECT WHERE ${SHARED} = $1::pg_catalog.jsonb`, [kept])
  if (rowCount === 1) return
  for (const [catalogue, filter] of Object.entries(CATALOGUES)) {
    const rows = `pg_catalog.jsonb_array_elements($1::pg_catalog.jsonb->'${catalogue}') AS kept (row)`
    await admin.query(
      `DELETE FROM pg_catalog.${catalogue} AS t
       WHERE ${filter} AND NOT EXISTS (SELECT FROM ${rows} WHERE kept.row = pg_catalog.to_jsonb(t))`,
      [kept],
    )
    await admin.query(
      `INSERT INTO pg_catalog.${catalogue}
       SELECT (pg_catalog.jsonb_populate_record(NULL::pg_catalog.${catalogue}, kept.row)).* FROM ${rows}
       WHERE NOT EXISTS (SELECT FROM pg_catalog.${catalogue} AS t WHERE ${filter} AND pg_catalog.to_jsonb(t) = kept.row)`,
      [kept],
    )
  }
}
