import { resolve } from 'node:path'
import type { LogLevel } from '../log.ts'
import { type Environment, type Flags, readOptions } from './read-options.ts'
import type { Address } from './values.ts'

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
  /** 0 picks a free one. */
  readonly azuritePort: number
  /** Storage accounts that Azurite is to have besides its usual ones. */
  readonly accounts: readonly string[]
  /** Theirs, in the place of Azurite's own. Not enumerable. */
  readonly accountKey: string | undefined
  readonly admin: Admin
  readonly dataDir: string
  /** Scripts for the first start. */
  readonly initScripts?: string
  readonly strictAzure?: boolean
  readonly extras?: boolean
  /** The server parameter azure.extensions. */
  readonly azureExtensions: string
  readonly logLevel: LogLevel
}

/** @throws ConfigError */
export function readDevConfig(flags: Flags, ...environments: readonly Environment[]): DevConfig {
  const options = readOptions('dev', flags, ...environments)
  const { accounts = [], dataDir, adminUser, adminPassword, databaseName, accountKey, ...others } = options
  const admin = { user: adminUser, database: databaseName, password: adminPassword }
  const config = { ...others, accounts, accountKey, admin, dataDir: resolve(dataDir) }
  Object.defineProperty(admin, 'password', { enumerable: false })
  Object.defineProperty(config, 'accountKey', { enumerable: false })
  return Object.freeze(config)
}
