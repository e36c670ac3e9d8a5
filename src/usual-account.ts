import { connectAdmin } from './backend/admin.ts'
import { type BackendConfig, backendConfig } from './config/backend-url.ts'
import type { UsualAccount } from './config/usual-variables.ts'
import { type Address, reachableHost } from './config/values.ts'
import type { Logger } from './log.ts'

/**
 * Registers the account that variables name in the backend's own database: through the proxy, which seals its credential.
 * One that is registered stays as it is, and an extension that is not there is not created.
 */
export async function registerUsualAccount(
  proxy: Address,
  { user, password, database }: BackendConfig,
  { name, secret }: UsualAccount,
  log: Logger,
): Promise<void> {
  if (secret === undefined) return
  const host = reachableHost(proxy.host)
  const client = await connectAdmin(backendConfig({ host, port: proxy.port, user, password, database }))
  try {
    const extension = await client.query(
      "SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'azure_storage'",
    )
    if (extension.rowCount === 0) {
      log.info(
        { account: name, database },
        'account of the environment not registered: the database has no azure_storage',
      )
      return
    }
    const account = await client.query(
      'SELECT FROM azure_storage.account_list() WHERE account_name OPERATOR(pg_catalog.=) $1',
      [name],
    )
    if (account.rowCount !== 0) return
    await client.query('SELECT azure_storage.account_add($1, $2)', [name, secret])
    log.info({ account: name, database }, 'account of the environment registered')
  } finally {
    await client.end()
  }
}
