import { resolve } from 'node:path'
import { DEFAULT_LISTEN } from '../config.ts'
import { LOG_LEVELS, type LogLevel } from '../log.ts'
import {
  type Address,
  badValue,
  type Environment,
  type Given,
  parseAddress,
  parseOneOf,
  parsePort,
  readOptions,
} from '../options.ts'
import { isAccountName } from '../storage/names.ts'

/** Everything `blobgres dev` can be told. */
export interface DevConfig {
  readonly listen: Address
  /** 0 picks a free one. */
  readonly azuritePort: number
  /** Storage accounts that Azurite is to have besides its usual ones. */
  readonly accounts: readonly string[]
  readonly dataDir: string
  readonly logLevel: LogLevel
}

export function parseDevConfig(argv: readonly string[], env: Environment): DevConfig {
  const option = readOptions(argv, env, ['listen', 'azurite-port', 'account', 'data-dir', 'log-level'])
  const [listen, azuritePort, dataDir] = [option('listen'), option('azurite-port'), option('data-dir')]
  const [account, logLevel] = [option('account'), option('log-level')]
  return Object.freeze({
    listen: listen ? parseAddress(listen) : DEFAULT_LISTEN,
    azuritePort: azuritePort ? parsePort(azuritePort) : 10_000,
    accounts: account ? parseAccounts(account) : [],
    dataDir: resolve(dataDir?.value ?? '.blobgres'),
    logLevel: logLevel ? parseOneOf(logLevel, LOG_LEVELS) : 'warn',
  })
}

function parseAccounts({ name, value }: Given): string[] {
  return value.split(',').map(each => {
    const account = each.trim()
    if (!isAccountName(account)) throw badValue({ name, value: account }, 'the name of a storage account')
    return account
  })
}
