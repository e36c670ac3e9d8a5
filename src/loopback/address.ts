import type { Client } from 'pg'
import type { Address } from '../config/values.ts'
import { quoteLiteral } from '../sql/quote.ts'

/** Host names under which a proxy is often reached from its server: the same machine, Docker's host, our compose file. */
const USUAL_HOSTS = ['localhost', '127.0.0.1', 'blobgres', 'host.docker.internal']

/**
 * Where the server may reach this proxy: at the configured address, else where `ownHost` tells (see ownHost()), else at
 * a usual one.
 */
export function possibleAddresses(
  listen: Address,
  configured: Address | undefined,
  ownHost: string | undefined,
): string[] {
  if (configured) return [formatAddress(configured)]
  const specific = ['0.0.0.0', '::', ''].includes(listen.host) ? undefined : listen.host
  const hosts = [ownHost, specific, ...USUAL_HOSTS]
  return [...new Set(hosts)].flatMap(host => (host ? [formatAddress({ host, port: listen.port })] : []))
}

/** Where the server sees the proxy's connections come from. */
export async function ownHost(admin: Client): Promise<string | undefined> {
  const { rows } = await admin.query<{ client: string | null }>(
    'SELECT pg_catalog.host(pg_catalog.inet_client_addr()) AS client',
  )
  return rows[0]?.client ?? undefined
}

/** The proxies of the server. */
export async function loopbackAddresses(admin: Client): Promise<string[]> {
  const { rows } = await admin.query<{ addresses: string }>(`
    SELECT pg_catalog.substr(setting, pg_catalog.length('azure_storage.loopback_addresses=') OPERATOR(pg_catalog.+) 1)
      AS addresses
    FROM pg_catalog.pg_db_role_setting AS s
    JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole,
      pg_catalog.unnest(s.setconfig) AS setting
    WHERE s.setdatabase OPERATOR(pg_catalog.=) 0 AND r.rolname OPERATOR(pg_catalog.=) 'azure_storage_key'
      AND pg_catalog.starts_with(setting, 'azure_storage.loopback_addresses=')`)
  return (rows[0]?.addresses ?? '').split(',').filter(address => address !== '')
}

/** Puts the address of a proxy among those that the server's functions call, which they try in order, or takes it away. */
export function announceAddress(admin: Client, address: string, place: 'first' | 'last' | 'nowhere'): Promise<void> {
  return changeAddresses(admin, addresses => {
    const others = addresses.filter(each => each !== address)
    return { first: [address, ...others], last: [...others, address], nowhere: others }[place]
  })
}

/** Takes addresses away at which no proxy is. */
export function removeAddresses(admin: Client, gone: readonly string[]): Promise<void> {
  return changeAddresses(admin, addresses => addresses.filter(address => !gone.includes(address)))
}

async function changeAddresses(admin: Client, change: (addresses: string[]) => string[]): Promise<void> {
  await admin.query('BEGIN')
  try {
    await admin.query('LOCK TABLE pg_catalog.pg_db_role_setting IN SHARE ROW EXCLUSIVE MODE')
    const addresses = change(await loopbackAddresses(admin)).join(',')
    await admin.query(
      addresses === ''
        ? 'ALTER ROLE azure_storage_key RESET azure_storage.loopback_addresses'
        : `ALTER ROLE azure_storage_key SET azure_storage.loopback_addresses = ${quoteLiteral(addresses)}`,
    )
    await admin.query('COMMIT')
  } catch (error) {
    await admin.query('ROLLBACK')
    throw error
  }
}

export function parseAddress(address: string): { host: string; port: string } | undefined {
  const [, host, port] = /^\[?([^\][ ]+)\]?:(\d+)$/.exec(address) ?? []
  return host === undefined || port === undefined ? undefined : { host, port }
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
