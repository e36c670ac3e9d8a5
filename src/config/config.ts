import type { IdentityOptions } from '../credentials/managed-identity.ts'
import type { LogLevel } from '../log.ts'
import { leastMemory, type MemoryOptions } from '../memory-budget.ts'
import type { SpoolOptions } from '../storage/blob-parts.ts'
import { type StorageEndpoints, trusting } from '../storage/endpoints.ts'
import { BACKEND_FORM, type BackendConfig, backendConfig } from './backend-url.ts'
import { type Environment, type Flags, readOptions } from './read-options.ts'
import { AZURE_ENDPOINT } from './storage-endpoints.ts'
import { readTls, type TlsConfig } from './tls-files.ts'
import { type Address, ConfigError } from './values.ts'

/** Everything `blobgres serve` can be told. Frozen; secrets are not enumerable, so that logging it shows none. */
export interface Config extends IdentityOptions, SpoolOptions, MemoryOptions {
  readonly listen: Address
  /** The status page, API and metrics. */
  readonly http?: Address
  readonly backend: BackendConfig
  readonly storageEndpoints: StorageEndpoints
  /** Where the backend reaches this proxy; without it, found by trying. */
  readonly loopback?: Address
  readonly tls?: TlsConfig
  /** Not enumerable. Without it, what the server keeps is enough to open its credentials. */
  readonly credentialKey?: string
  /** What Azure would not allow is refused. */
  readonly strictAzure?: boolean
  /** What Azure's own does not have is on in every session. */
  readonly extras?: boolean
  /** The schema `blobgres` is there whatever `extras` says, as in the dev stack. */
  readonly ownSchema?: boolean
  /** Sessions get notices of progress unless they have said otherwise. */
  readonly progress?: boolean
  readonly logLevel: LogLevel
  readonly drainTimeoutMs: number
  /** How many processes share the work. Default: 1, this one. */
  readonly workers?: number
  /** The longest that the event loop polls before it sleeps. Default: 0. */
  readonly busyPollMicroseconds?: number
  /** Default: as many as there are cores. */
  readonly parquetEngines?: number
}

/** Validates flags and environment; throws `ConfigError` with one line that names what is wrong. */
export function readConfig(flags: Flags, ...environments: readonly Environment[]): Config {
  const { backend, backendPassword, storageEndpoints, storageCa, tlsCert, tlsKey, credentialKey, http, ...others } =
    readOptions('serve', flags, ...environments)
  if (backend === undefined) {
    throw new ConfigError(`--backend, BLOBGRES_BACKEND, DATABASE_URL or PGHOST is required: ${BACKEND_FORM}`)
  }
  if ([backend, ...(backend.others ?? [])].some(each => isOneself(each, others.listen))) {
    const { host, port } = others.listen
    throw new ConfigError(
      `the backend is at ${host}:${port}, where this proxy itself is to listen: say where the server is with --backend`,
    )
  }
  if (others.memoryLimitBytes < leastMemory(others.maxRowBytes)) {
    throw new ConfigError('--memory-limit: it must be four times --max-row-size or more')
  }
  const tls = readTls(tlsCert, tlsKey)
  const config: Config = {
    ...others,
    ...(http !== undefined && http !== 'off' && { http }),
    backend: backendConfig({ ...backend, password: backend.password ?? backendPassword }),
    storageEndpoints: Object.freeze({
      accounts: storageEndpoints.accounts,
      defaultTemplate: storageEndpoints.defaultTemplate ?? AZURE_ENDPOINT,
      ...(storageCa && { trust: trusting(storageCa) }),
    }),
    ...(tls && { tls }),
  }
  return Object.freeze(Object.defineProperty(config, 'credentialKey', { value: credentialKey, enumerable: false }))
}

/** Whether the extension comes with the schema `blobgres`, which is for tests of SQL. */
export const hasOwnSchema = ({ extras, ownSchema }: Pick<Config, 'extras' | 'ownSchema'>): boolean =>
  extras === true || ownSchema === true

const LOCAL: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1', '0.0.0.0', '::'])

/** As where PGHOST and PGPORT, or DATABASE_URL, lead clients to the proxy. */
function isOneself({ host, port, socketPath }: BackendConfig, listen: Address): boolean {
  if (socketPath !== undefined || port !== listen.port) return false
  return host === listen.host || (LOCAL.has(host) && LOCAL.has(listen.host))
}
