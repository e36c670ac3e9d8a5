import { backendConfig } from '../../src/config/backend-url.ts'
import type { Config } from '../../src/config/config.ts'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { adminQuery, createDatabase, type TestDatabase } from './database.ts'
import { azurite, type PostgresServer } from './servers.ts'

export interface TestStack {
  readonly proxy: RunningProxy
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

/** A proxy in this process, in front of a server and the shared Azurite, with a database of its own. */
export async function startStack(server: PostgresServer, overrides: Partial<Config> = {}): Promise<TestStack> {
  const config = testConfig(server, overrides)
  const database = await createDatabase(server)
  const proxy = await startProxy(config, createLogger(config.logLevel))
  await callProxyFrom(server, database.name, { address: config.loopback ?? proxy.address })
  return {
    proxy,
    database,
    url: (user = server.superuser) => `postgres://${user}@${proxy.address.host}:${proxy.address.port}/${database.name}`,
    close: async () => {
      await proxy.close(0)
      await database.drop()
    },
  }
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
