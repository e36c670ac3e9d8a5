import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Config } from '../config/config.ts'
import type { Address } from '../config/values.ts'
import type { Logger } from '../log.ts'
import type { RunningProxy } from '../proxy.ts'
import { packageVersion } from '../version.ts'
import { createApp } from './app.ts'
import { Events } from './events.ts'
import { Token } from './guard.ts'
import { Lookups } from './lookups.ts'
import { type Observed, ObservedProxy } from './observed.ts'
import { readPageFiles } from './page-files.ts'
import { Readiness } from './readiness.ts'
import type { StorageBrowser } from './storage-browser.ts'

export interface HttpServer {
  readonly address: Address
  close(): Promise<void>
}

export interface HttpOptions {
  readonly listen: Address
  readonly proxy: RunningProxy | Observed
  readonly config: Config
  readonly log: Logger
  /** Of a stack to develop with: it shows rows. */
  readonly browser?: StorageBrowser | undefined
  /** Where the page is, as it goes to browsers. */
  readonly pageFolder?: URL
}

const MAX_CONNECTIONS = 256
/** Of a connection on which nothing moves. */
const SILENCE_LIMIT_MS = 60_000

/** With the port that it has been given; what spreading leaves out is a secret. */
const running = (config: Config, listen: Address): Config =>
  Object.defineProperty({ ...config, listen }, 'credentialKey', { value: config.credentialKey, enumerable: false })

/** Tells people and programs what a proxy does. It looks, and cancels where it is told to. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { listen, proxy, config, log, browser, pageFolder = new URL('page/', import.meta.url) } = options
  const version = packageVersion()
  const token = new Token()
  const files = await readPageFiles(pageFolder, token.value)
  const observed = 'standing' in proxy ? proxy : new ObservedProxy(proxy, version)
  const events = new Events(observed)
  const readiness = new Readiness(observed, config)
  const lookups = new Lookups(running(config, proxy.address))
  const app = createApp({
    ...{ host: listen.host, version, observed, token, files, events, readiness, lookups, browser, log },
  })
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  server.maxConnections = MAX_CONNECTIONS
  server.timeout = SILENCE_LIMIT_MS
  const close = async (): Promise<void> => {
    events.close()
    observed.close()
    server.closeAllConnections()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  try {
    server.listen(listen.port, listen.host)
    await once(server, 'listening')
  } catch (error) {
    await close()
    throw error
  }
  server.on('error', error => log.warn({ err: error }, 'HTTP'))
  const { port } = server.address() as AddressInfo
  log.info({ host: listen.host, port }, 'status page, API and metrics')
  return { address: { host: listen.host, port }, close }
}
