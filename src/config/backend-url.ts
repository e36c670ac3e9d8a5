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
  /** Others to try, in order, where this one is not to be had or not what is asked for. */
  readonly others?: readonly BackendConfig[]
  readonly targetSessionAttrs?: TargetSessionAttrs
}

/** libpq's words for which of several servers is meant. */
const TARGET_SESSION_ATTRS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const
export type TargetSessionAttrs = (typeof TARGET_SESSION_ATTRS)[number]

export const BACKEND_FORM = 'postgres://user:password@host:port/database'

/** Of a URL's parameters, those that are a server's. */
export const URL_PARAMETERS: ReadonlySet<string> = new Set([
  ...['host', 'port', 'sslmode', 'sslrootcert', 'target_session_attrs'],
])
const DEFAULT_PORT = 5432

/** Scheme and user, up to the last `@` as in a WHATWG URL; hosts, which that can have one of. */
const HEAD = /^(\w+:\/\/(?:[^/?#]*@)?)([^/?#]*)/

/** A backend whose password does not show when the object is printed, nor that of the others. */
export function backendConfig(backend: BackendConfig): BackendConfig {
  const { password, others, ...rest } = backend
  const open: Omit<BackendConfig, 'password'> = {
    ...rest,
    ...(others && { others: others.map(other => backendConfig({ ...other, password })) }),
  }
  return Object.freeze(Object.defineProperty(open as BackendConfig, 'password', { value: password, enumerable: false }))
}

/** Reads a URL as libpq does. No error quotes it, for it holds the password. */
export function parseBackend({ name, value }: Given): BackendConfig {
  const fail = (reason: string): ConfigError => new ConfigError(`${name}: ${reason} (expected ${BACKEND_FORM})`)
  const hosts = HEAD.exec(value)?.[2]?.split(',') ?? []
  // libpq allows no host between "@" and "/", WHATWG URLs do not.
  const url = tryUrl(value.replace(HEAD, (_, head) => head + (hosts[0] ?? '').replace(/^(?=:|$)/, 'localhost')))
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) throw fail('not a PostgreSQL URL')
  for (const parameter of url.searchParams.keys()) {
    if (!URL_PARAMETERS.has(parameter)) throw fail(`unknown parameter ${JSON.stringify(parameter)}`)
  }
  const parts = decodeParts(url, hosts)
  if (parts === undefined) throw fail('badly percent-encoded')
  const { user, password, database } = parts
  if (user === '') throw fail('the user is missing')
  const attrs = url.searchParams.get('target_session_attrs') ?? undefined
  if (attrs !== undefined && !isTargetSessionAttrs(attrs)) {
    throw fail(`target_session_attrs is not one of ${TARGET_SESSION_ATTRS.join(', ')}`)
  }
  const tls = readBackendTls(parameterOf(name, url, 'sslmode'), parameterOf(name, url, 'sslrootcert'))
  const common = { user, password: password || undefined, database: database || 'postgres', ...(tls && { tls }) }
  const [first, ...others] = readHosts(url, hosts, fail).map(host => ({ ...host, ...common }))
  return backendConfig({
    ...(first as BackendConfig),
    ...(others.length > 0 && { others }),
    ...(attrs && { targetSessionAttrs: attrs }),
  })
}

const isTargetSessionAttrs = (word: string): word is TargetSessionAttrs =>
  TARGET_SESSION_ATTRS.some(each => each === word)

/** Parameters come before what stands in the authority, which can be decoded; one port is for all hosts. */
function readHosts(
  { searchParams }: URL,
  authority: readonly string[],
  fail: (reason: string) => ConfigError,
): Pick<BackendConfig, 'host' | 'port' | 'socketPath'>[] {
  const inUrl = authority.map(each => /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(each) ?? [])
  const hosts =
    searchParams.get('host')?.split(',') ?? inUrl.map(([, host = '']) => decodeURIComponent(host) || 'localhost')
  const ports = searchParams.get('port')?.split(',') ?? inUrl.map(([, , port = '']) => port)
  if (ports.length !== 1 && ports.length !== hosts.length) throw fail('there are not as many ports as hosts')
  return hosts.map((text, i) => {
    const host = text.replace(/^\[|\]$/g, '')
    if (host === '') throw fail('the host is missing')
    const portText = ports[ports.length === 1 ? 0 : i] as string
    const port = portText === '' ? DEFAULT_PORT : Number(portText)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw fail('the port is not a port number')
    if (!host.startsWith('/')) return { host, port }
    return { host: 'localhost', port, socketPath: `${host.replace(/\/+$/, '')}/.s.PGSQL.${port}` }
  })
}

/** Undefined where one of them, or a host, cannot be decoded. */
function decodeParts(url: URL, hosts: readonly string[]): Record<'user' | 'password' | 'database', string> | undefined {
  try {
    decodeURIComponent(hosts.join())
    return {
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1)),
    }
  } catch {
    return undefined
  }
}

function parameterOf(name: string, { searchParams }: URL, key: string): Given | undefined {
  const value = searchParams.get(key)
  return value === null ? undefined : { name: `${name}: ${key}`, value }
}
