import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Config } from '../../src/config/config.ts'
import { type HttpOptions, type HttpServer, startHttp } from '../../src/http/server.ts'
import { createLogger } from '../../src/log.ts'
import { ObservedWorkers } from '../../src/workers/observed-workers.ts'
import { type CopyStack, startCopyStack } from './copy-stack.ts'
import type { PostgresServer } from './servers.ts'
import { testConfig } from './stack.ts'

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
  const stack = await startCopyStack(server, { http: listen, ...overrides })
  const proxy = stack.workers ? new ObservedWorkers(stack.workers) : stack.proxy
  const config = testConfig(server, overrides)
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

export interface HttpAnswer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** With any header, those too that fetch() does not let one set. */
export async function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<HttpAnswer> {
  const sent = request(url, { method, headers, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

export const askJson = async (url: string): Promise<unknown> => JSON.parse((await ask(url)).body)

/** That a page has, to be allowed to change something. */
export async function tokenOf(origin: string): Promise<string> {
  return /name="token" content="([0-9a-f]{64})"/.exec((await ask(`${origin}/`)).body)?.[1] ?? ''
}
