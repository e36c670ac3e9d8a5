import { type BackendTls, readBackendTls } from './tls-files.ts'
import { type Address, ConfigError, type Given, tryUrl } from './values.ts'

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

export const BACKEND_FORM = 'postgres://user:password@host:port/database'

const PARAMETERS: ReadonlySet<string> = new Set(['host', 'port', 'sslmode', 'sslrootcert'])
const DEFAULT_PORT = 5432

/** A backend whose password does not show when the object is printed. */
export function backendConfig(backend: BackendConfig): BackendConfig {
  const { password, ...open } = backend
  return Object.freeze(Object.defineProperty(open as BackendConfig, 'password', { value: password, enumerable: false }))
}

/** Reads a URL as libpq does. No error quotes it, for it holds the password. */
export function parseBackend({ name, value }: Given): BackendConfig {
  const fail = (reason: string): ConfigError => new ConfigError(`${name}: ${reason} (expected ${BACKEND_FORM})`)
  // libpq allows no host between "@" and "/", WHATWG URLs do not.
  const url = tryUrl(value.replace(/^(\w+:\/\/[^/?#@]*@)(?=[/?:])/, '$1localhost'))
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) throw fail('not a PostgreSQL URL')
  for (const parameter of url.searchParams.keys()) {
    if (!PARAMETERS.has(parameter)) throw fail(`unknown parameter ${JSON.stringify(parameter)}`)
  }
  const parts = decodeParts(url)
  if (parts === undefined) throw fail('badly percent-encoded')
  const { user, password, database, host } = parts
  if (user === '') throw fail('the user is missing')
  if (host === '') throw fail('the host is missing')
  const portText = url.searchParams.get('port') ?? url.port
  const port = portText === '' ? DEFAULT_PORT : Number(portText)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw fail('the port is not a port number')
  const tls = readBackendTls(parameterOf(name, url, 'sslmode'), parameterOf(name, url, 'sslrootcert'))
  return backendConfig({
    host: host.startsWith('/') ? 'localhost' : host,
    port,
    user,
    password: password || undefined,
    database: database || 'postgres',
    ...(host.startsWith('/') && { socketPath: `${host.replace(/\/+$/, '')}/.s.PGSQL.${port}` }),
    ...(tls && { tls }),
  })
}

function decodeParts(url: URL): Record<'user' | 'password' | 'database' | 'host', string> | undefined {
  try {
    return {
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1)),
      host: url.searchParams.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[|\]$/g, ''),
    }
  } catch {
    return undefined
  }
}

function parameterOf(name: string, { searchParams }: URL, key: string): Given | undefined {
  const value = searchParams.get(key)
  return value === null ? undefined : { name: `${name}: ${key}`, value }
}
