import type { DevConfig } from '../config/dev-config.ts'
import type { HttpOptions, HttpServer } from '../http/server.ts'
import type { StorageAccount } from './azurite.ts'

/** That of a stack, which shows its blobs too; none where it is not wanted. */
export async function startStatusPage(
  http: DevConfig['http'],
  options: Omit<HttpOptions, 'listen' | 'browser'>,
  accounts: readonly StorageAccount[],
): Promise<HttpServer | undefined> {
  if (http === undefined) return undefined
  const [{ startHttp }, { StorageBrowser }] = await Promise.all([
    import('../http/server.ts'),
    import('../http/storage-browser.ts'),
  ])
  const browser = new StorageBrowser(options.config.storageEndpoints, accounts)
  return startHttp({ ...options, browser, listen: http }).catch(error => {
    if (error.code !== 'EADDRINUSE' || !http.elseFree) throw error
    return startHttp({ ...options, browser, listen: { ...http, port: 0 } })
  })
}
