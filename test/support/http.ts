import type { Config } from '../../src/config/config.ts'
import { type HttpOptions, type HttpServer, startHttp } from '../../src/http/server.ts'
import { createLogger } from '../../src/log.ts'
import { ObservedWorkers } from '../../src/workers/observed-workers.ts'
import { type CopyStack, startCopyStack } from './copy-stack.ts'
import type { PostgresServer } from './servers.ts'
import { TEST_WORKERS, testConfig } from './stack.ts'

export interface HttpStack extends CopyStack {
  readonly http: HttpServer
  readonly origin: string
}

/** A stack with a status page of its own. */
export async function startHttpStack(
  server: PostgresServer,
  overrides: Partial<Config> = {},
  options: Partial<HttpOptions> = {},
): Promise<HttpStack> {
  const listen = { host: '127.0.0.1', port: 0 }
  const stack = await startCopyStack(server, { http: listen, ...overrides }, options.log)
  const proxy = stack.workers ? new ObservedWorkers(stack.workers) : stack.proxy
  const config = testConfig(server, { ...(stack.workers && { workers: TEST_WORKERS }), ...overrides })
  const http = await startHttp({ listen, proxy, config, log: createLogger('silent'), ...options })
  return {
    ...stack,
    http,
    origin: `http://127.0.0.1:${http.address.port}`,
    async close() {
      await stack.close()
      await http.close()
    },
  }
}

export { ask, askJson, tokenOf } from './http-requests.ts'
