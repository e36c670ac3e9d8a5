import type { Config } from '../config/config.ts'
import type { DevConfig } from '../config/dev-config.ts'
import type { HttpOptions, HttpServer } from '../http/server.ts'

/** That of a stack; none where it is not wanted. */
export async function startStatusPage(
  http: DevConfig['http'],
  options: Omit<HttpOptions, 'listen'> & { readonly config: Config },
): Promise<HttpServer | undefined> {
  if (http === undefined) return undefined
  const { startHttp } = await import('../http/server.ts')
  return startHttp({ ...options, listen: http }).catch(error => {
    if (error.code !== 'EADDRINUSE' || !http.elseFree) throw error
    return startHttp({ ...options, listen: { ...http, port: 0 } })
  })
}
