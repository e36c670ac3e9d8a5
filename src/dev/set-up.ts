import pg from 'pg'
import type { Address } from '../config/values.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { SAMPLE_ACCOUNT } from './samples.ts'

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

/** The admin and its database, and in both databases the extension with the samples' account. `proxy` is where it listens. */
export async function setUp(proxy: Address): Promise<void> {
  await withClient({ ...proxy, ...SUPERUSER }, async client => {
    await client.query(ADMIN_ROLE)
    const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [ADMIN.database])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${ADMIN.database} OWNER ${ADMIN.user}`)
  })
  for (const login of [ADMIN, SUPERUSER]) await withClient({ ...proxy, ...login }, registerAccount)
}

async function registerAccount(client: pg.Client): Promise<void> {
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
  await client.query('SELECT azure_storage.account_add($1, $2)', [SAMPLE_ACCOUNT.name, SAMPLE_ACCOUNT.key])
}

async function withClient(config: pg.ClientConfig, work: (client: pg.Client) => Promise<void>): Promise<void> {
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
