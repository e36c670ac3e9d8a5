import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import type { Address } from '../options.ts'
import type { SealingKey } from '../storage/sealing.ts'
import { LOOPBACK_NAME } from './loopback-connection.ts'

/** Host names under which a proxy is often reached from its server: the same machine, Docker's host, our compose file. */
const USUAL_HOSTS = ['localhost', '127.0.0.1', 'blobgres', 'host.docker.internal']
const TRY_SECONDS = 3

/** What the extension's functions log in with; its SQL twin is in extension/loopback.sql. */
export function loopbackSecret({ macKey }: SealingKey): string {
  return createHash('sha256').update(macKey).update('loopback').digest('hex')
}

/**
 * The address at which the server reaches this proxy, tried out with dblink from the server: the configured one, else the
 * one its connections come from, else a usual one. Undefined where none works; `tried` names them all.
 */
export async function findLoopbackAddress(
  admin: Client,
  listen: Address,
  configured: Address | undefined,
  secret: string,
  proxyId: string,
): Promise<{ address: string | undefined; tried: readonly string[] }> {
  const tried: string[] = []
  return askingProxies(admin, secret, async ask => {
    for (const { host, port } of await candidates(admin, listen, configured)) {
      const address = formatAddress(host, port)
      tried.push(address)
      if ((await ask(address, 'PING {}'))?.[0] === proxyId) return { address, tried }
    }
    return { address: undefined, tried }
  })
}

/** Asks a proxy something, from the server: the first column of the reply, or undefined if there is none. */
type Ask = (address: string, request: string) => Promise<string[] | undefined>

/** Gives `work` the means to reach proxies as the server's functions do. The parameters are not for the server's log. */
export async function askingProxies<T>(admin: Client, secret: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  await admin.query('BEGIN; SET LOCAL log_parameter_max_length = 0')
  try {
    await admin.query(
      "CREATE FUNCTION pg_temp.azure_storage_ask(text, text) RETURNS SETOF record LANGUAGE c STRICT AS '$libdir/dblink', 'dblink_record'",
    )
    return await work((address, request) => ask(admin, address, secret, request))
  } finally {
    await admin.query('ROLLBACK')
  }
}

/** The proxies of the server. */
export async function loopbackAddresses(admin: Client): Promise<string[]> {
  const { rows } = await admin.query<{ addresses: string }>(`
    SELECT pg_catalog.substr(setting, pg_catalog.length('azure_storage.loopback_addresses=') + 1) AS addresses
    FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS setting
    WHERE s.setdatabase = 0 AND s.setrole = 'azure_storage_key'::regrole
      AND pg_catalog.starts_with(setting, 'azure_storage.loopback_addresses=')`)
  return (rows[0]?.addresses ?? '').split(',').filter(address => address !== '')
}

/** Puts the address of a proxy among those that the server's functions call, which they try in order, or takes it away. */
export async function announceAddress(
  admin: Client,
  address: string,
  place: 'first' | 'last' | 'nowhere',
): Promise<void> {
  await admin.query('BEGIN')
  try {
    await admin.query('LOCK TABLE pg_catalog.pg_db_role_setting IN SHARE ROW EXCLUSIVE MODE')
    const others = (await loopbackAddresses(admin)).filter(each => each !== address)
    const places = { first: [address, ...others], last: [...others, address], nowhere: others }
    const addresses = places[place].join(',')
    await admin.query(
      addresses === ''
        ? 'ALTER ROLE azure_storage_key RESET azure_storage.loopback_addresses'
        : `ALTER ROLE azure_storage_key SET azure_storage.loopback_addresses = ${admin.escapeLiteral(addresses)}`,
    )
    await admin.query('COMMIT')
  } catch (error) {
    await admin.query('ROLLBACK')
    throw error
  }
}

async function candidates(admin: Client, listen: Address, configured: Address | undefined): Promise<Address[]> {
  if (configured) return [configured]
  const { rows } = await admin.query<{ client: string | null }>(
    'SELECT pg_catalog.host(pg_catalog.inet_client_addr()) AS client',
  )
  const specific = ['0.0.0.0', '::', ''].includes(listen.host) ? undefined : listen.host
  const hosts = [rows[0]?.client, specific, ...USUAL_HOSTS]
  return [...new Set(hosts)].flatMap(host => (host ? [{ host, port: listen.port }] : []))
}

async function ask(admin: Client, address: string, secret: string, request: string): Promise<string[] | undefined> {
  const [, host, port] = /^\[?([^\][]+)\]?:(\d+)$/.exec(address) ?? []
  const connection =
    `host=${host} port=${port} user=${LOOPBACK_NAME} dbname=${LOOPBACK_NAME} password=${secret} ` +
    `sslmode=disable gssencmode=disable connect_timeout=${TRY_SECONDS} application_name=azure_storage`
  await admin.query('SAVEPOINT ask')
  try {
    const { rows } = await admin.query<{ answer: string }>(
      'SELECT answer FROM pg_temp.azure_storage_ask($1, $2) AS t(answer text)',
      [connection, request],
    )
    return rows.map(({ answer }) => answer)
  } catch {
    await admin.query('ROLLBACK TO SAVEPOINT ask')
    return undefined
  }
}

const formatAddress = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
