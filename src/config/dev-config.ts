import { resolve } from 'node:path'
import type { LogLevel } from '../log.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'
import { type Environment, type Flags, readOptions } from './read-options.ts'
import type { Address } from './values.ts'

const AZURITE_PORT = 10000
const HTTP = { host: '127.0.0.1', port: 8433 }

/** Who an application's people are, as on Azure: nobody there is a superuser. */
export interface Admin {
  readonly user: string
  readonly database: string
  /** Not enumerable. */
  readonly password: string | undefined
}

/** Everything `blobgres dev` can be told. */
export interface DevConfig {
  readonly listen: Address
  /** The status page, API and metrics; `elseFree`: at a free port where that one is taken. */
  readonly http: (Address & { readonly elseFree: boolean }) | undefined
  /** 0 picks a free one. */
  readonly azuritePort: number
  /** Storage accounts that Azurite is to have besides its usual ones. */
  readonly accounts: readonly string[]
  /** Theirs, in the place of Azurite's own. Not enumerable. */
  readonly accountKey: string | undefined
  readonly admin: Admin
  /** In each of the accounts. */
  readonly containers: readonly string[]
  /** Where other accounts are; without it, nowhere. */
  readonly storageEndpoints?: StorageEndpoints
  readonly dataDir: string
  /** Nothing outlives the stack. */
  readonly inMemory?: boolean
  /** Files that become blobs, and SQL. */
  readonly seed?: string
  /** Scripts for the first start. */
  readonly initScripts?: string
  readonly strictAzure?: boolean
  readonly extras?: boolean
  readonly progress?: boolean
  /** The longest that the proxy's event loop polls before it sleeps. */
  readonly busyPollMicroseconds?: number
  /** The server parameter azure.extensions. */
  readonly azureExtensions: string
  readonly logLevel: LogLevel
}

/** @throws ConfigError */
export function readDevConfig(flags: Flags, ...environments: readonly Environment[]): DevConfig {
  const options = readOptions('dev', flags, ...environments)
  const { adminUser, adminPassword, databaseName, accountKey, ...rest } = options
  const { accounts = [], containers = [], dataDir, port, azuritePort, http, listen, seed, ...others } = rest
  const admin = { user: adminUser, database: databaseName, password: adminPassword }
  const config = {
    ...others,
    accountKey,
    admin,
    listen: port === undefined ? listen : { ...listen, port },
    http: http === 'off' ? undefined : { ...HTTP, ...http, elseFree: http === undefined },
    azuritePort: azuritePort ?? (port === 0 ? 0 : AZURITE_PORT),
    accounts,
    containers,
    dataDir: resolve(dataDir),
    ...(seed !== undefined && { seed: resolve(seed) }),
  }
  Object.defineProperty(admin, 'password', { enumerable: false })
  Object.defineProperty(config, 'accountKey', { enumerable: false })
  return Object.freeze(config)
}
