import { LOG_LEVELS, type LogLevel } from './log.ts'
import { leastMemory, type MemoryOptions } from './memory-budget.ts'
import {
  type Address,
  badValue,
  ConfigError,
  type Environment,
  type Given,
  parseAddress,
  parseBytes,
  parseCount,
  parseOneOf,
  parseSeconds,
  readOptions,
} from './options.ts'
import type { SpoolOptions } from './storage/blob-spool.ts'
import { type StorageEndpoints, trusting } from './storage/endpoints.ts'
import { AZURE_CREDENTIALS, type IdentityOptions } from './storage/managed-identity.ts'
import { type BackendTls, readBackendTls, readCertificates, readTls, type TlsConfig } from './tls-options.ts'

/** Everything `blobgres serve` can be told. Frozen; secrets are not enumerable, so that logging it shows none. */
export interface Config extends IdentityOptions, SpoolOptions, MemoryOptions {
  readonly listen: Address
  readonly backend: BackendConfig
  readonly storageEndpoints: StorageEndpoints
  /** Where the backend reaches this proxy; without it, found by trying. */
  readonly loopback?: Address
  readonly tls?: TlsConfig
  /** Not enumerable. Without it, what the server keeps is enough to open its credentials. */
  readonly credentialKey?: string
  readonly logLevel: LogLevel
  readonly drainTimeoutMs: number
  /** How many Parquet files are worked on at a time. Default: as many as there are cores. */
  readonly parquetEngines?: number
}

/** The server behind the proxy and the superuser that the proxy's own connections use. */
export interface BackendConfig extends Address {
  readonly user: string
  /** Not enumerable: a spread copy loses it. */
  readonly password: string | undefined
  readonly database: string
  /** A Unix socket to connect to instead of host and port. */
  readonly socketPath?: string
  /** Without it, connections to the server are not encrypted. */
  readonly tls?: BackendTls
}

const OPTIONS = [
  'listen',
  'backend',
  'storage-endpoint',
  'storage-ca',
  'azure-credential',
  'managed-identity-client-id',
  'loopback',
  'temp-dir',
  'parquet-spool-limit',
  'parquet-engines',
  'max-row-size',
  'memory-limit',
  'tls-cert',
  'tls-key',
  'log-level',
  'drain-timeout',
] as const

export const DEFAULT_LISTEN: Address = Object.freeze({ host: '127.0.0.1', port: 5433 })
const DEFAULT_LOG_LEVEL: LogLevel = 'info'
const DEFAULT_DRAIN_SECONDS = 30
const CREDENTIAL_KEY_LENGTH = 32
const AZURE_ENDPOINT = 'https://{account}.blob.core.windows.net'
const MIN_ROW_BYTES = 64 * 1024
const MAX_ROW_BYTES = 1000 * 1024 * 1024
const BACKEND_PARAMETERS: ReadonlySet<string> = new Set(['host', 'port', 'sslmode', 'sslrootcert'])
const BACKEND_FORM = 'postgres://user:password@host:port/database'

/** Validates flags and environment; throws `ConfigError` with one line that names what is wrong. */
export function parseConfig(argv: readonly string[], env: Environment): Config {
  const option = readOptions(argv, env, OPTIONS)
  const given = <T>(name: (typeof OPTIONS)[number], parse: (given: Given) => T): T | undefined => {
    const value = option(name)
    return value && parse(value)
  }
  const backend = given('backend', each => parseBackend(each, env.BLOBGRES_BACKEND_PASSWORD))
  if (backend === undefined) throw new ConfigError(`--backend or BLOBGRES_BACKEND is required: ${BACKEND_FORM}`)
  const loopback = given('loopback', parseAddress)
  const tempDir = option('temp-dir')?.value
  const spoolLimitBytes = given('parquet-spool-limit', parseBytes)
  const parquetEngines = given('parquet-engines', parseCount)
  const azureCredential = given('azure-credential', each => parseOneOf(each, AZURE_CREDENTIALS))
  const managedIdentityClientId = option('managed-identity-client-id')?.value
  const storageCa = given('storage-ca', readCertificates)
  const tls = readTls(option('tls-cert'), option('tls-key'))
  const config = {
    listen: Object.freeze(given('listen', parseAddress) ?? DEFAULT_LISTEN),
    backend,
    storageEndpoints: Object.freeze({
      ...(given('storage-endpoint', parseEndpoints) ?? { defaultTemplate: AZURE_ENDPOINT, accounts: new Map() }),
      ...(storageCa && { trust: trusting(storageCa) }),
    }),
    ...(tempDir && { tempDir }),
    ...(spoolLimitBytes !== undefined && { spoolLimitBytes }),
    ...(parquetEngines && { parquetEngines }),
    ...readMemory(given('max-row-size', parseRowSize), given('memory-limit', parseBytes)),
    ...(azureCredential && { azureCredential }),
    ...(managedIdentityClientId && { managedIdentityClientId }),
    ...(loopback && { loopback: Object.freeze(loopback) }),
    ...(tls && { tls }),
    logLevel: given('log-level', each => parseOneOf(each, LOG_LEVELS)) ?? DEFAULT_LOG_LEVEL,
    drainTimeoutMs: (given('drain-timeout', parseSeconds) ?? DEFAULT_DRAIN_SECONDS) * 1000,
  }
  const credentialKey = readCredentialKey(env)
  return Object.freeze(Object.defineProperty(config, 'credentialKey', { value: credentialKey, enumerable: false }))
}

/** A row can be no larger than what PostgreSQL takes for one. */
function parseRowSize(given: Given): number {
  const bytes = parseBytes(given)
  if (bytes < MIN_ROW_BYTES || bytes > MAX_ROW_BYTES) throw badValue(given, 'a size of 64kB to 1000MB')
  return bytes
}

function readMemory(maxRowBytes: number | undefined, memoryLimitBytes: number | undefined): MemoryOptions {
  const least = leastMemory(maxRowBytes)
  if (memoryLimitBytes !== undefined && memoryLimitBytes < least) {
    throw new ConfigError(`memory-limit: it must be at least four times max-row-size, which is ${least / 4} bytes`)
  }
  return {
    ...(maxRowBytes && { maxRowBytes }),
    ...(memoryLimitBytes && { memoryLimitBytes }),
  }
}

/** From the environment alone: a flag would show in the list of processes. */
function readCredentialKey({ BLOBGRES_CREDENTIAL_KEY: value }: Environment): string | undefined {
  if (!value || value.length >= CREDENTIAL_KEY_LENGTH) return value || undefined
  throw new ConfigError(`BLOBGRES_CREDENTIAL_KEY: expected at least ${CREDENTIAL_KEY_LENGTH} random characters`)
}

/** A backend whose password does not show when the object is printed. */
export function backendConfig(backend: BackendConfig): BackendConfig {
  const { password, ...open } = backend
  return Object.freeze(Object.defineProperty(open as BackendConfig, 'password', { value: password, enumerable: false }))
}

function parseBackend({ name, value }: Given, passwordFromEnv: string | undefined): BackendConfig {
  // Never quotes the value, it holds the password.
  const fail = (reason: string): ConfigError => new ConfigError(`${name}: ${reason} (expected ${BACKEND_FORM})`)
  // libpq allows no host between "@" and "/", WHATWG URLs do not.
  const url = tryUrl(value.replace(/^(\w+:\/\/[^/?#@]*@)(?=[/?:])/, '$1localhost'))
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) throw fail('not a PostgreSQL URL')
  const parameters = url.searchParams
  for (const parameter of parameters.keys()) {
    if (!BACKEND_PARAMETERS.has(parameter)) throw fail(`unknown parameter ${JSON.stringify(parameter)}`)
  }
  let user: string, password: string, host: string, database: string
  try {
    user = decodeURIComponent(url.username)
    password = decodeURIComponent(url.password)
    host = parameters.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '')
    database = decodeURIComponent(url.pathname.slice(1))
  } catch {
    throw fail('badly percent-encoded')
  }
  if (user === '') throw fail('the user is missing')
  if (host === '') throw fail('the host is missing')
  const portText = parameters.get('port') ?? url.port
  const port = portText === '' ? 5432 : Number(portText)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw fail('the port is not a port number')
  const parameter = (key: string): Given | undefined => {
    const text = parameters.get(key)
    return text === null ? undefined : { name: `${name}: ${key}`, value: text }
  }
  const tls = readBackendTls(parameter('sslmode'), parameter('sslrootcert'))
  return backendConfig({
    host: host.startsWith('/') ? 'localhost' : host,
    port,
    user,
    password: password || passwordFromEnv || undefined,
    database: database || 'postgres',
    ...(host.startsWith('/') && { socketPath: `${host.replace(/\/+$/, '')}/.s.PGSQL.${port}` }),
    ...(tls && { tls }),
  })
}

function parseEndpoints({ name, value }: Given): StorageEndpoints {
  const accounts = new Map<string, string>()
  let template: string | undefined
  for (const entry of value.split(',').map(part => part.trim())) {
    const [, account, url = entry] = /^([a-z0-9]{3,24})=(.*)$/.exec(entry) ?? []
    const parsed = tryUrl(url.replace('{account}', 'account'))
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.search || parsed.hash || parsed.username) {
      throw badValue({ name, value: entry }, 'an http(s) URL with {account}, or account=URL')
    }
    const endpoint = url.replace(/\/+$/, '')
    if (account !== undefined) {
      accounts.set(account, endpoint)
    } else {
      if (!url.includes('{account}')) {
        throw badValue({ name, value: entry }, 'a URL with {account} in it; for one account write account=URL')
      }
      if (template !== undefined) throw new ConfigError(`${name}: two default URLs, ${template} and ${endpoint}`)
      template = endpoint
    }
  }
  return { defaultTemplate: template ?? AZURE_ENDPOINT, accounts }
}

function tryUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
