import { resolve } from 'node:path'
import type { LogLevel } from '../log.ts'
import { type Environment, type Flags, readOptions } from './read-options.ts'
import type { Address } from './values.ts'

/** Everything `blobgres dev` can be told. */
export interface DevConfig {
  readonly listen: Address
  /** 0 picks a free one. */
  readonly azuritePort: number
  /** Storage accounts that Azurite is to have besides its usual ones. */
  readonly accounts: readonly string[]
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
  const { accounts = [], dataDir, ...others } = readOptions('dev', flags, ...environments)
  return Object.freeze({ ...others, accounts, dataDir: resolve(dataDir) })
}
