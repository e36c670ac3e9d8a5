import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { backendConfig } from '../../src/config/backend-url.ts'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { adminQuery, createDatabase, uniqueName } from '../support/database.ts'
import { azurite, type TestServer } from '../support/servers.ts'
import { callProxyFrom, testConfig } from '../support/stack.ts'
import { cancelPacket } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'
import type { Attack } from './attack.ts'
import { plant, plantTemporary } from './trojans.ts'

/** Who owns the database and has planted in it, who creates the extension there, and who may do everything. */
interface Cast {
  readonly attacker: string
  readonly admin: string
  readonly superuser: string
}

/** What the owner of a database may make the default of all its sessions, besides a path to the trojans. */
const SETTINGS = [
  'standard_conforming_strings = off',
  'transform_null_equals = on',
  'quote_all_identifiers = on',
  'array_nulls = off',
  'IntervalStyle = sql_standard',
  'DateStyle = German',
  'bytea_output = escape',
  'check_function_bodies = off',
  'default_tablespace = pg_default',
]

const EXTENSION = [
  'CREATE EXTENSION azure_storage',
  'ALTER EXTENSION azure_storage UPDATE',
  `SELECT azure_storage.account_add('${account.name}', '${account.key}')`,
  `SELECT azure_storage.account_add(azure_storage.account_options_credentials('other', 'key', 'blob'))`,
  "SELECT azure_storage.account_user_add('other', 'postgres'), azure_storage.account_user_remove('other', 'postgres')",
  'SELECT azure_storage.account_list(), azure_storage.account_encrypt_existing_credentials()',
  "SELECT azure_storage.account_remove('other')",
]

/** Everything that reads and writes blobs; names of the client's own are qualified, it is ours that are tried. */
const transfers = (url: string, container: string): string[] => {
  const get = (path: string, ...more: string[]): string =>
    `SELECT * FROM azure_storage.blob_get('${[account.name, container, path, ...more].join("', '")}') AS t (n pg_catalog.int4)`
  const put = (path: string, ...more: string[]): string =>
    `SELECT azure_storage.blob_put('${account.name}', '${container}', '${path}', t${more.map(each => `, '${each}'`).join('')}) FROM pg_temp.own AS t`
  return [
    'CREATE TABLE pg_temp.own (n pg_catalog.int4); INSERT INTO pg_temp.own VALUES (1), (2); CREATE VIEW pg_temp.own_view AS SELECT n FROM pg_temp.own',
    `COPY pg_temp.own TO '${url}/own.csv'`,
    `COPY pg_temp.own_view TO '${url}/own.csv.gz'`,
    `COPY pg_temp.own FROM '${url}/own.csv'`,
    `COPY pg_temp.own TO '${url}/own.parquet'`,
    `COPY pg_temp.own FROM '${url}/own.parquet'`,
    put('put.csv'),
    put('put.bin', 'binary'),
    put('put.parquet'),
    get('put.csv'),
    get('put.bin', 'binary'),
    get('put.parquet'),
    `SELECT * FROM azure_storage.blob_get('${account.name}', '${container}', 'put.csv', NULL::pg_temp.own)`,
    `SELECT path FROM azure_storage.blob_list('${account.name}', '${container}')`,
    // The upload is quiet for longer than the proxy takes to ask what has become of it.
    `SELECT azure_storage.blob_put('${account.name}', '${container}', 'slow.csv', t)
     FROM (VALUES (1, 0.0), (2, 1.5)) AS v (n, seconds), LATERAL (SELECT n, pg_catalog.pg_sleep(seconds)::pg_catalog.text) AS t`,
  ]
}

/** An attacker owns the database, and has laid a trojan in the way of every name that is used there. */
export const hostileDatabase: Attack = {
  name: 'A hostile database',
  enough: 80,
  async run({ server, seed, goesOn }) {
    const random = generator(seed)
    const cast: Cast = { attacker: uniqueName('attacker'), admin: uniqueName('admin'), superuser: server.superuser }
    const container = await createContainer('attack')
    const database = await createDatabase(server)
    await adminQuery(
      server,
      `CREATE ROLE ${cast.attacker} LOGIN; CREATE ROLE ${cast.admin} LOGIN; ALTER DATABASE ${database.name} OWNER TO ${cast.attacker}`,
    )
    const owner = new pg.Client({ ...addressOf(server), user: cast.attacker, database: database.name })
    owner.on('error', () => {})
    await owner.connect()
    const findings: string[] = []
    const planted = await plant(owner, cast.attacker, ['public', cast.superuser])
    let attempts = 0
    try {
      do {
        const path = shuffled(['public', cast.superuser, 'pg_catalog', 'pg_temp'], random)
        if (random() < 0.3) path.splice(path.indexOf('pg_catalog'), 1) // then it comes first, for what suits as well
        const settings = SETTINGS.filter(() => random() < 0.4)
        for (const setting of [...settings, `search_path = ${path}`]) {
          await owner.query(`ALTER DATABASE ${database.name} SET ${setting}`)
        }
        const failures = await tryEverything(server, database.name, cast, container.containerName)
        attempts += failures.tried
        const circumstances = `with search_path = ${path}; ${settings.join('; ')}`
        findings.push(...failures.failed.map(failure => `${failure} (${circumstances})`))
        findings.push(...(await caught(owner)).map(call => `${call} (${circumstances})`))
        await owner.query(`ALTER DATABASE ${database.name} RESET ALL`)
      } while (findings.length === 0 && goesOn(attempts))
    } finally {
      await owner.end()
      await database.drop()
      await adminQuery(server, `DROP ROLE ${cast.attacker}; DROP ROLE ${cast.admin}`)
      await container.delete()
    }
    return { attempts: planted + attempts, findings }
  },
}

const addressOf = ({ host, port }: { host: string; port: number }) => ({ host, port })

/** A proxy whose own database is the hostile one starts, does all it can do, and stops. */
async function tryEverything(
  server: TestServer,
  database: string,
  cast: Cast,
  container: string,
): Promise<{ tried: number; failed: string[] }> {
  const { backend } = testConfig(server)
  const config = testConfig(server, { backend: backendConfig({ ...backend, password: undefined, database }) })
  const proxy = await startProxy(config, createLogger('silent'))
  await callProxyFrom(server, database, proxy)
  await adminQuery(server, `GRANT azure_pg_admin TO ${cast.admin}`)
  const failed: string[] = []
  let tried = 0
  const as = async (
    user: string,
    statements: readonly string[],
    prepare?: (session: pg.Client) => Promise<unknown>,
  ) => {
    const session = new pg.Client({ ...proxy.address, user, database })
    session.on('error', () => {}) // ended by the cleaning up after a failure
    await session.connect()
    await prepare?.(session)
    for (const statement of statements) {
      tried++
      await session.query(statement).catch(error => failed.push(`${statement}, as ${user}: ${error.message}`))
    }
    await session.end()
  }
  const url = `${azurite.endpointTemplate.replace('{account}', account.name)}/${container}`

  await as(cast.attacker, ['CREATE EXTENSION azure_storage']) // which is refused
  failed.length = 0
  await as(cast.admin, [...EXTENSION, `SELECT azure_storage.account_user_add('${account.name}', '${cast.attacker}')`])
  await as(cast.superuser, transfers(url, container))
  await as(cast.admin, transfers(url, container))
  await as(cast.attacker, transfers(url, container), plantTemporary)
  const victim = await WireClient.connect(
    `postgres://${cast.admin}@${proxy.address.host}:${proxy.address.port}/${database}`,
  )
  for (const key of [randomBytes(8), victim.key]) {
    const client = await WireClient.open(`postgres://${proxy.address.host}:${proxy.address.port}`)
    client.send(cancelPacket(key))
    await client.until('EOF')
    tried++
  }
  await victim.close()
  await as(cast.admin, ['DROP EXTENSION azure_storage', 'CREATE EXTENSION azure_storage'])
  await proxy.close(0)
  // Another one finds the extension there, of an older schema.
  await adminQuery(server, "COMMENT ON SCHEMA azure_storage_private IS 'blobgres schema 1, functions 00'", database)
  await (await startProxy(config, createLogger('silent'))).close(0)
  await adminQuery(server, 'SET search_path = pg_catalog; DROP EXTENSION azure_storage', database)
  return { tried: tried + 2, failed }
}

/** What was called by anybody but the attacker. */
async function caught(owner: pg.Client): Promise<string[]> {
  const { rows } = await owner.query('SELECT DISTINCT name, caller, session FROM evil.calls')
  const { rows: counted } = await owner.query('SELECT last_value, is_called FROM evil.called')
  const calls = rows.map(({ name, caller, session }) => `${name} called by ${caller} in a session of ${session}`)
  if (calls.length === 0 && counted[0].is_called) calls.push('something called in a transaction that was rolled back')
  await owner.query('DELETE FROM evil.calls; ALTER SEQUENCE evil.called RESTART')
  return calls
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map(value => ({ value, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ value }) => value)
}

/** The same numbers for the same seed, from 0 to 1 (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
