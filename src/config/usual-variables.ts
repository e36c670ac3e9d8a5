import { URL_PARAMETERS } from './backend-url.ts'
import { ConfigError, type Given, tryUrl } from './values.ts'

/*
 * What other programs read as well: the variables of libpq and of web applications for a server, and those of Azure's
 * tools for a storage account.
 */

export type Environment = Readonly<Record<string, string | undefined>>

/** An account that variables name. */
export interface UsualAccount {
  readonly name: string
  /** A key or a SAS token. */
  readonly secret?: string
  /** Of its blob service, where it is not Azure's. */
  readonly endpoint?: string
}

const CONNECTION_STRING = 'AZURE_STORAGE_CONNECTION_STRING'
/** What `UseDevelopmentStorage=true` stands for: an emulator's published account. */
const EMULATOR: UsualAccount = {
  name: 'devstoreaccount1',
  secret: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
}
const AZURE_SUFFIX = 'core.windows.net'

/** `DATABASE_URL`, or else what PG* say, if at least `PGHOST` is there; the password is told separately. */
export function usualBackend(env: Environment): Given | undefined {
  const url = env.DATABASE_URL
  if (url) return { name: 'DATABASE_URL', value: withoutOthers(url) }
  const { PGHOST, PGPORT, PGUSER, PGDATABASE, PGSSLMODE, PGSSLROOTCERT, PGTARGETSESSIONATTRS, USER } = env
  if (!PGHOST) return undefined
  const query = new URLSearchParams({
    host: PGHOST,
    ...(PGPORT && { port: PGPORT }),
    ...(PGSSLMODE && { sslmode: PGSSLMODE }),
    ...(PGSSLROOTCERT && { sslrootcert: PGSSLROOTCERT }),
    ...(PGTARGETSESSIONATTRS && { target_session_attrs: PGTARGETSESSIONATTRS }),
  })
  const user = PGUSER || USER || 'postgres'
  const path = encodeURIComponent(PGDATABASE || '')
  return { name: 'PGHOST', value: `postgres://${encodeURIComponent(user)}@/${path}?${query}` }
}

/** Applications add parameters of their own. */
function withoutOthers(text: string): string {
  const [, base = text, query] = /^([^?#]*)\?([^#]*)/.exec(text) ?? []
  if (query === undefined) return text
  const known = [...new URLSearchParams(query)].filter(([name]) => URL_PARAMETERS.has(name))
  return `${base}?${new URLSearchParams(known)}`
}

export function usualPassword({ PGPASSWORD }: Environment): Given | undefined {
  return PGPASSWORD ? { name: 'PGPASSWORD', value: PGPASSWORD } : undefined
}

/** An option of `--storage-endpoint`. @throws ConfigError */
export function usualEndpoint(env: Environment): Given | undefined {
  const { name, endpoint } = usualAccount(env) ?? {}
  return endpoint === undefined ? undefined : { name: CONNECTION_STRING, value: `${name}=${endpoint}` }
}

/** A value of `--account`. @throws ConfigError */
export function usualAccountName(env: Environment): Given | undefined {
  const { name } = usualAccount(env) ?? {}
  const variable = env[CONNECTION_STRING] ? CONNECTION_STRING : 'AZURE_STORAGE_ACCOUNT'
  return name === undefined ? undefined : { name: variable, value: name }
}

/** The connection string's, as for Azure's own tools, or else the one that is named. @throws ConfigError */
export function usualAccount(env: Environment): UsualAccount | undefined {
  const connectionString = env[CONNECTION_STRING]
  if (connectionString) return readConnectionString(connectionString)
  const { AZURE_STORAGE_ACCOUNT: name, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN } = env
  if (!name) return undefined
  return account(name, AZURE_STORAGE_KEY || AZURE_STORAGE_SAS_TOKEN, undefined)
}

function account(name: string, secret: string | undefined, endpoint: string | undefined): UsualAccount {
  // Not enumerable, so that it is not shown where the others are.
  return Object.defineProperty({ name, ...(endpoint && { endpoint }) }, 'secret', {
    value: secret || undefined,
    enumerable: false,
  })
}

function readConnectionString(text: string): UsualAccount {
  const parts = new Map(
    text
      .split(';')
      .map(part => /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(part))
      .map(match => [match?.[1]?.toLowerCase() ?? '', match?.[2] ?? '']),
  )
  if (parts.get('usedevelopmentstorage')?.toLowerCase() === 'true') return EMULATOR
  const given = parts.get('blobendpoint')
  const name = parts.get('accountname') ?? nameOf(given)
  // It holds a secret: no error quotes it.
  if (!name) throw new ConfigError(`${CONNECTION_STRING}: neither AccountName nor BlobEndpoint names an account`)
  const secret = parts.get('accountkey') ?? parts.get('sharedaccesssignature')
  const suffix = parts.get('endpointsuffix') || AZURE_SUFFIX
  const protocol = parts.get('defaultendpointsprotocol') || 'https'
  const usual = `${protocol}://${name}.blob.${suffix}`
  const endpoint = given?.replace(/\/+$/, '') || usual
  return account(name, secret, endpoint === `https://${name}.blob.${AZURE_SUFFIX}` ? undefined : endpoint)
}

/** An endpoint's account is its host's first name, or with an emulator the path. */
function nameOf(endpoint = ''): string | undefined {
  const url = tryUrl(endpoint)
  const path = url?.pathname.split('/')[1]
  return path || url?.hostname.split('.')[0]
}
