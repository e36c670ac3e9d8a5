import { connectAdmin } from '../backend/admin.ts'
import { eachDatabase } from '../backend/update-databases.ts'
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

/** Of all databases: names, and nothing of how they are reached. @throws PgError */
export async function registeredAccounts(backend: BackendConfig): Promise<RegisteredAccount[]> {
  const accounts: RegisteredAccount[] = []
  const main = await connectAdmin(backend)
  await eachDatabase(main, async database => void accounts.push(...(await accountsIn(backend, database)))).finally(() =>
    main.end(),
  )
  return accounts.sort((a, b) => Number(key(a) > key(b)) - Number(key(a) < key(b)))
}

const key = ({ database, account }: RegisteredAccount): string => `${database}\0${account}`

async function accountsIn(backend: BackendConfig, database: string): Promise<RegisteredAccount[]> {
  // It may be gone meanwhile, or let nobody in.
  const admin = await connectAdmin(backend, database).catch(() => undefined)
  if (admin === undefined) return []
  try {
    if ((await admin.query(IS_OURS)).rowCount === 0) return []
    const { rows } = await admin.query<Omit<RegisteredAccount, 'database'>>(
      'SELECT account_name AS account, auth_type AS "authType" FROM azure_storage.accounts',
    )
    return rows.map(row => ({ database, ...row }))
  } finally {
    await admin.end()
  }
}
