import type { Client } from 'pg'
import { createInstaller } from './install.ts'
import { parseVersion, readScripts } from './scripts.ts'

/** What was found in a database, and done about it. */
export type UpdateResult = 'absent' | 'current' | 'newer' | 'updated'

/** How long other sessions that use the extension, or install another, may keep it waiting at each step. */
const LOCK_TIMEOUT = '5s'

/** The comment of the schema of ours, which another extension of that name has not. */
const RECORDED = `
SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') AS comment
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d ON d.refobjid OPERATOR(pg_catalog.=) e.oid
  AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) d.objid
WHERE e.extname OPERATOR(pg_catalog.=) 'azure_storage' AND n.nspname OPERATOR(pg_catalog.=) 'azure_storage_private'`

/**
 * Brings the extension in the database of `admin`, a superuser, up to date, where it is there and of an older schema, or
 * has the functions of another build. The connection is for nothing else. One of a newer schema stays: a proxy that knows it will be there, too.
 */
export async function updateExtension(admin: Client): Promise<UpdateResult> {
  await admin.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`)
  const before = await versionIn(admin)
  if (before !== 'older') return before
  await admin.query('BEGIN')
  try {
    // Another proxy may be about to do the same. It takes the lock that the installer takes.
    await admin.query('LOCK TABLE pg_catalog.pg_extension IN SHARE ROW EXCLUSIVE MODE')
    const now = await versionIn(admin)
    if (now !== 'older') {
      await admin.query('ROLLBACK')
      return now
    }
    const installer = await createInstaller(admin)
    await admin.query(`SELECT ${installer.qualifiedName}('update', current_user, false, NULL, NULL)`)
    await installer.drop(admin)
    await admin.query('COMMIT')
    return 'updated'
  } catch (error) {
    await admin.query('ROLLBACK').catch(() => {}) // the connection may be lost
    throw error
  }
}

async function versionIn(admin: Client): Promise<'absent' | 'current' | 'newer' | 'older'> {
  const { rows } = await admin.query<{ comment: string | null }>(RECORDED)
  if (rows[0] === undefined) return 'absent'
  const [found, { version }] = [parseVersion(rows[0].comment), await readScripts()]
  if (found.number !== version.number) return found.number > version.number ? 'newer' : 'older'
  return found.functions === version.functions ? 'current' : 'older'
}
