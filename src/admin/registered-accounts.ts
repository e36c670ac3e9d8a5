import { connectAdmin } from '../backend/admin.ts'
import { eachDatabase } from '../backend/update-databases.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { registeredIn } from '../extension/registered-accounts.ts'

export interface RegisteredAccount {
  readonly database: string
  readonly account: string
  readonly authType: string
}

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
    const accounts = (await registeredIn(admin, ['account_name', 'auth_type'])) ?? []
    return accounts.map(each => ({ database, account: each.account_name, authType: each.auth_type }))
  } finally {
    await admin.end()
  }
}
