import pg from 'pg'
import type { Address } from '../config/values.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { StorageAccount } from './azurite.ts'

/** Who an application's people are on Azure: nobody there is a superuser. */
export const ADMIN = { user: 'myadmin', database: 'app' } as const
export const SUPERUSER = { user: 'postgres', database: 'postgres' } as const

const ADMIN_ROLE = `
DO $$
BEGIN
  IF pg_catalog.to_regrole('${ADMIN.user}') IS NULL THEN
    CREATE ROLE ${ADMIN.user} LOGIN CREATEROLE CREATEDB IN ROLE azure_pg_admin;
  END IF;
  -- As on Azure; else only superusers are shown shared_preload_libraries.
  GRANT pg_read_all_settings TO azure_pg_admin;
END
$$`

/** The admin and its database, and in both databases the extension with these accounts. `proxy` is where it listens. */
export async function setUp(proxy: Address, accounts: readonly StorageAccount[]): Promise<void> {
  await withClient({ ...proxy, ...SUPERUSER }, async client => {
    await client.query(ADMIN_ROLE)
    const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [ADMIN.database])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${ADMIN.database} OWNER ${ADMIN.user}`)
  })
  const register = (client: pg.Client) => registerAccounts(client, accounts)
  await Promise.all([ADMIN, SUPERUSER].map(login => withClient({ ...proxy, ...login }, register)))
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
