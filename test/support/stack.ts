import { backendConfig } from '../../src/config/backend-url.ts'
import type { Config } from '../../src/config/config.ts'
import { createLogger, type Logger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import type { Workers } from '../../src/workers/workers.ts'
import { compiledWorkers } from './compiled.ts'
import { adminQuery, createDatabase, type TestDatabase } from './database.ts'
import { azurite, type PostgresServer } from './servers.ts'

/** How many processes a stack's proxy is made of: `BLOBGRES_TEST_WORKERS=2 npm test` runs what can so through two. */
export const TEST_WORKERS = Number(process.env.BLOBGRES_TEST_WORKERS ?? '1')

export interface TestStack {
  /** One that is this process, for a test that looks into it, is asked for with a log of its own. */
  readonly proxy: RunningProxy
  /** What it is where it is several processes. */
  readonly workers: Workers | undefined
  /** Where the server's functions reach it: see callProxyFrom(). */
  readonly loopbacks: readonly Pick<RunningProxy, 'address'>[]
  readonly database: TestDatabase
  /** The stack's database through the proxy, as superuser unless told otherwise. */
  url(user?: string): string
  close(): Promise<void>
}

/** The configuration of a proxy in front of a server and the shared Azurite, on any free port. */
export function testConfig(server: PostgresServer, overrides: Partial<Config> = {}): Config {
  return {
    listen: { host: '127.0.0.1', port: 0 },
    backend: backendConfig({
      host: server.host,
      port: server.port,
      user: server.superuser,
      password: undefined,
      database: 'postgres',
    }),
    storageEndpoints: { defaultTemplate: azurite.endpointTemplate, accounts: new Map() },
    logLevel: 'silent',
    drainTimeoutMs: 1000,
    ...overrides,
  }
}

/** A proxy in front of a server and the shared Azurite, with a database of its own; in this process unless there are workers. */
export async function startStack(
  server: PostgresServer,
  overrides: Partial<Config> = {},
  log?: Logger,
): Promise<TestStack> {
  const config = testConfig(server, overrides)
  const database = await createDatabase(server)
  // What a test has told the server to dial is one process's.
  const count = config.workers ?? (log || config.loopback ? 1 : TEST_WORKERS)
  const workers = count > 1 ? await startWorkers({ ...config, workers: count }) : undefined
  const proxy = workers ? asProxy(workers) : await startProxy(config, log ?? createLogger(config.logLevel))
  const addresses = workers?.loopbackAddresses ?? [config.loopback ?? proxy.address]
  const loopbacks = addresses.map(address => ({ address }))
  await callProxyFrom(server, database.name, ...loopbacks)
  return {
    proxy,
    workers,
    loopbacks,
    database,
    url: (user = server.superuser) => `postgres://${user}@${proxy.address.host}:${proxy.address.port}/${database.name}`,
    close: async () => {
      await proxy.close(0)
      await database.drop()
    },
  }
}

async function startWorkers(config: Config): Promise<Workers> {
  const { Workers } = await compiledWorkers()
  return Workers.start(config, createLogger('silent'))
}

/** What a test needs of one: nobody can look into it. */
function asProxy(workers: Workers): RunningProxy {
  const { address } = workers
  const proxy: Pick<RunningProxy, 'address' | 'isDraining' | 'isReachable' | 'close'> = {
    address,
    get isDraining() {
      return workers.isDraining
    },
    isReachable: () => workers.isReachable(),
    close: drainMs => workers.close(drainMs),
  }
  return proxy as RunningProxy
}

/** Several stacks share a server: the functions in a database are to call its stack's proxy, or proxies, where these know themselves. */
export async function callProxyFrom(
  server: PostgresServer,
  database: string,
  ...proxies: readonly Pick<RunningProxy, 'address'>[]
): Promise<void> {
  const addresses = proxies.map(({ address }) => `${address.host}:${address.port}`).join()
  await adminQuery(
    server,
    `ALTER ROLE azure_storage_key IN DATABASE ${database} SET azure_storage.loopback_addresses = '${addresses}'`,
  )
}
