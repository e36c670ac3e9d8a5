import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { NamedExtensions } from '../sql/named-extensions.ts'

/**
 * SQL: what are server parameters on Azure, which nobody sets in a session: so they are read in one of the proxy's own. A
 * server that cannot load a library of the extension's name may say that it has in azure.shared_preload_libraries.
 */
export const SERVER_PARAMETERS = `
SELECT coalesce(pg_catalog.current_setting('azure.extensions', true), '') AS extensions,
  coalesce(nullif(pg_catalog.current_setting('azure.shared_preload_libraries', true), ''),
    pg_catalog.current_setting('shared_preload_libraries')) AS libraries`

/** Both are lists with commas. */
export interface ServerParameters {
  readonly extensions: string
  readonly libraries: string
}

const NEEDS_LIBRARY = 'azure_storage'

/** @throws PgError where Azure Database for PostgreSQL would refuse the statement. */
export function checkAllowList({ action, names }: NamedExtensions, { extensions, libraries }: ServerParameters): void {
  const allowed = listOf(extensions)
  const unlisted = names.find(name => !allowed.includes(name.toLowerCase()))
  if (unlisted !== undefined) {
    throw new PgError({
      message: `extension "${unlisted}" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL`,
      code: SQLSTATE.featureNotSupported,
      hint:
        'to learn how to allow an extension or see the list of allowed extensions, please refer to ' +
        'https://go.microsoft.com/fwlink/?linkid=2301063',
    })
  }
  if (action === 'create' && names.includes(NEEDS_LIBRARY) && !listOf(libraries).includes(NEEDS_LIBRARY)) {
    throw new PgError({
      message: `${NEEDS_LIBRARY} must be loaded via "shared_preload_libraries"`,
      code: SQLSTATE.objectNotInPrerequisiteState,
      hint: `Add ${NEEDS_LIBRARY} to the server parameter shared_preload_libraries, and restart the server.`,
    })
  }
}

const listOf = (text: string): string[] =>
  text.split(',').map(item =>
    item
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .replace(/^\$libdir\//, '')
      .toLowerCase(),
  )
