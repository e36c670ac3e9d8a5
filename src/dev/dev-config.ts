import { resolve } from 'node:path'
import { DEFAULT_LISTEN } from '../config.ts'
import { LOG_LEVELS, type LogLevel } from '../log.ts'
import { type Address, type Environment, parseAddress, parseOneOf, parsePort, readOptions } from '../options.ts'

/** Everything `blobgres dev` can be told. */
export interface DevConfig {
  readonly listen: Address
  /** 0 picks a free one. */
  readonly azuritePort: number
  readonly dataDir: string
  readonly logLevel: LogLevel
}

export function parseDevConfig(argv: readonly string[], env: Environment): DevConfig {
  const option = readOptions(argv, env, ['listen', 'azurite-port', 'data-dir', 'log-level'])
  const [listen, azuritePort, dataDir] = [option('listen'), option('azurite-port'), option('data-dir')]
  const logLevel = option('log-level')
  return Object.freeze({
    listen: listen ? parseAddress(listen) : DEFAULT_LISTEN,
    azuritePort: azuritePort ? parsePort(azuritePort) : 10_000,
    dataDir: resolve(dataDir?.value ?? '.blobgres'),
    logLevel: logLevel ? parseOneOf(logLevel, LOG_LEVELS) : 'warn',
  })
}
