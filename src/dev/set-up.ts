import pg from 'pg'
import type { Admin } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { StorageAccount } from './azurite.ts'
import { scramVerifier } from './scram-verifier.ts'

export const SUPERUSER = { user: 'postgres', database: 'postgres' } as const

/** The admin and its database, and in both databases the extension with these accounts. `proxy` is where it listens. */
export async function setUp(proxy: Address, admin: Admin, accounts: readonly StorageAccount[]): Promise<void> {
  await withClient({ ...proxy, ...SUPERUSER }, async client => {
    await createAdmin(client, admin)
    const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [admin.database])
    const [database, owner] = [admin.database, admin.user].map(pg.escapeIdentifier)
    if (rowCount === 0) await client.query(`CREATE DATABASE ${database} OWNER ${owner}`)
    else if (isShared(admin)) await client.query(`ALTER DATABASE ${database} OWNER TO ${owner}`)
  })
  const register = (client: pg.Client) => registerAccounts(client, accounts)
  const logins = [loginOf(admin), ...(isShared(admin) ? [] : [SUPERUSER])]
  await Promise.all(logins.map(login => withClient({ ...proxy, ...login }, register)))
}

/** Its database is the one that the superuser has anyway. */
const isShared = ({ database }: Admin): boolean => database === SUPERUSER.database

async function createAdmin(client: pg.Client, { user, password }: Admin): Promise<void> {
  const role = pg.escapeIdentifier(user)
  const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [user])
  if (rowCount === 0) await client.query(`CREATE ROLE ${role} LOGIN CREATEROLE CREATEDB IN ROLE azure_pg_admin`)
  if (password !== undefined) await client.query(`ALTER ROLE ${role} PASSWORD '${scramVerifier(password)}'`)
  // As on Azure; else only superusers are shown shared_preload_libraries.
  await client.query('GRANT pg_read_all_settings TO azure_pg_admin')
}

/** For pg's client. */
export function loginOf({ user, password, database }: Admin): pg.ClientConfig {
  return { user, database, ...(password !== undefined && { password }) }
}

/** Those that are not there yet: people may have registered one in another way. */
async function registerAccounts(client: pg.Client, accounts: readonly StorageAccount[]): Promise<void> {
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS azure_storage')
  } catch (error) {
    // It is left to the user, who has forbidden it.
    if ((error as pg.DatabaseError).code === SQLSTATE.featureNotSupported) return
    throw error
  }
  await client.query('ALTER EXTENSION azure_storage UPDATE').catch(cause => {
    throw new Error('the data folder is of an earlier Blobgres that cannot be updated: remove it', { cause })
  })
  const { rows } = await client.query<{ account_name: string }>('SELECT account_name FROM azure_storage.account_list()')
  const known = new Set(rows.map(row => row.account_name))
  for (const { name, key } of accounts) {
    if (!known.has(name)) await client.query('SELECT azure_storage.account_add($1, $2)', [name, key])
  }
}

export async function withClient(config: pg.ClientConfig, work: (client: pg.Client) => Promise<void>): Promise<void> {
  // All that the driver would otherwise take from the variables PG*, which are not for this server.
  const client = new pg.Client({ ssl: false, options: '-c search_path=pg_catalog,pg_temp', ...config })
  client.on('error', () => {}) // whoever waits for an answer is told too
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
