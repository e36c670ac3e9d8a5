import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'

export interface RegisteredAccount {
  readonly database: string
  readonly account: string
  readonly authType: string
}

/**
 * A database's owner can put there what is called like the extension's, and would be read by a superuser. A table runs no
 * code, and what superusers own, schema included, nobody else can exchange for a view.
 */
const IS_OURS = `
SELECT FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) relnamespace
  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) relowner
  JOIN pg_catalog.pg_roles AS s ON s.oid OPERATOR(pg_catalog.=) nspowner
WHERE nspname OPERATOR(pg_catalog.=) 'azure_storage' AND relname OPERATOR(pg_catalog.=) 'accounts'
  AND relkind OPERATOR(pg_catalog.=) 'r' AND r.rolsuper AND s.rolsuper`

/** Of all databases, one after the other: names, and nothing of how they are reached. @throws PgError */
export async function registeredAccounts(backend: BackendConfig): Promise<RegisteredAccount[]> {
  const accounts: RegisteredAccount[] = []
  for (const database of await databases(backend)) {
    // One may be gone meanwhile, or let nobody in.
    const admin = await connectAdmin(backend, database).catch(() => undefined)
    if (admin === undefined) continue
    try {
      if ((await admin.query(IS_OURS)).rowCount === 0) continue
      const { rows } = await admin.query<Omit<RegisteredAccount, 'database'>>(
        'SELECT account_name AS account, auth_type AS "authType" FROM azure_storage.accounts ORDER BY account_name',
      )
      accounts.push(...rows.map(row => ({ database, ...row })))
    } finally {
      await admin.end()
    }
  }
  return accounts
}

async function databases(backend: BackendConfig): Promise<string[]> {
  const admin = await connectAdmin(backend)
  const { rows } = await admin
    .query<{ datname: string }>(
      // -2 is what an interrupted DROP DATABASE has left.
      'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit OPERATOR(pg_catalog.<>) -2 ORDER BY 1',
    )
    .finally(() => admin.end())
  return rows.map(({ datname }) => datname)
}
