import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { ServerState } from '../backend/server-state.ts'
import { isMac, mac } from '../credentials/mac.ts'
import type { SealingKey } from '../credentials/sealing.ts'
import { parseAddress } from './address.ts'
import { LOOPBACK_NAME } from './handshake.ts'

const TRY_SECONDS = 3
const LOOK_INTERVAL_MS = 2

/** dblink's C functions, where it takes no extension to have them, until the transaction ends. */
const BINDINGS = [
  'connect(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text',
  'disconnect(pg_catalog.text) RETURNS pg_catalog.text',
  'send_query(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.int4',
  'is_busy(pg_catalog.text) RETURNS pg_catalog.int4',
  'error_message(pg_catalog.text) RETURNS pg_catalog.text',
  'get_result(pg_catalog.text) RETURNS SETOF pg_catalog.record',
]

/** With another encoding than the database's, dblink would send a SET that no proxy expects. */
const CONNECT =
  'SELECT pg_temp.azure_storage_connect($1, $2 OPERATOR(pg_catalog.||) pg_catalog.getdatabaseencoding()::pg_catalog.text)'

/** What the functions say of their statement; a proxy that asks has none. */
const CALL = { pid: '0', statement: '0' }

/** Whom the proxies are to prove themselves to. */
export interface Asker {
  readonly sealingKey: SealingKey
  readonly server: Pick<ServerState, 'startedAt'>
}

/** Sends one message; resolves to its rows. */
type Exchange = (text: string, columns: readonly string[]) => Promise<Record<string, string>[]>

/**
 * Asks the proxy at an address of the server something, as the server's functions do. Resolves to the first column of the
 * reply, or to undefined where nobody proves to be a proxy that knows itself by that address.
 */
export type Ask = (address: string, verb: string, fields?: object) => Promise<string[] | undefined>

/**
 * Gives `work` the means to reach proxies from the server. What passes through it, texts and parameters, are nonces and
 * proofs, which are good for once: no harm where the server logs them.
 */
export async function askingProxies<T>(admin: Client, asker: Asker, work: (ask: Ask) => Promise<T>): Promise<T> {
  await admin.query('BEGIN')
  try {
    for (const binding of BINDINGS) {
      const name = binding.slice(0, binding.indexOf('('))
      await admin.query(
        `CREATE FUNCTION pg_temp.azure_storage_${binding} LANGUAGE c STRICT AS '$libdir/dblink', 'dblink_${name}'`,
      )
    }
    return await work((address, verb, fields = {}) => ask(admin, asker, address, verb, fields))
  } finally {
    await admin.query('ROLLBACK')
  }
}

/** The same for the proxies of a standby, which takes no functions: straight from this proxy. */
export const askDirectly =
  (asker: Asker): Ask =>
  async (address, verb, fields = {}) => {
    const target = parseAddress(address)
    if (target === undefined) return undefined
    const client = new Client({
      host: target.host,
      port: Number(target.port),
      user: LOOPBACK_NAME,
      database: LOOPBACK_NAME,
      password: '',
      ssl: false,
      connectionTimeoutMillis: TRY_SECONDS * 1000,
      query_timeout: TRY_SECONDS * 1000,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return await converse(async text => (await client.query(text)).rows, asker, address, verb, fields)
    } catch {
      return undefined
    } finally {
      await client.end()
    }
  }

async function ask(
  admin: Client,
  asker: Asker,
  address: string,
  verb: string,
  fields: object,
): Promise<string[] | undefined> {
  const target = parseAddress(address)
  if (target === undefined) return undefined
  const connection = `azure_storage_${randomBytes(16).toString('hex')}`
  await admin.query('SAVEPOINT ask')
  try {
    await admin.query(CONNECT, [connection, connectionString(target)])
    try {
      const send: Exchange = (text, columns) => exchange(admin, connection, text, columns)
      return await converse(send, asker, address, verb, fields)
    } finally {
      await admin.query('ROLLBACK TO SAVEPOINT ask')
      await admin.query('SELECT pg_temp.azure_storage_disconnect($1)', [connection])
    }
  } catch {
    await admin.query('ROLLBACK TO SAVEPOINT ask')
    return undefined
  }
}

async function converse(
  send: Exchange,
  { sealingKey, server: { startedAt: server } }: Asker,
  address: string,
  verb: string,
  fields: object,
): Promise<string[] | undefined> {
  const nonce = randomBytes(32).toString('hex')
  const hello = JSON.stringify({ ...CALL, nonce, address, server })
  const [greeting] = await send(`HELLO ${hex(hello)}`, ['nonce', 'proof'])
  const { nonce: theirs = '', proof = '' } = greeting ?? {}
  const proved = [nonce, theirs, CALL.pid, CALL.statement, address, server]
  if (!isMac(proof, sealingKey, 'blobgres/2 peer', ...proved)) return undefined
  const content = JSON.stringify({ ...fields, call: CALL })
  const ours = mac(sealingKey, 'blobgres/2 request', nonce, theirs, verb, content)
  const rows = await send(`${verb} ${ours} ${hex(content)}`, ['answer'])
  return rows.map(row => Object.values(row)[0] as string)
}

/** One message, whose answer is waited for no longer than a proxy takes. */
async function exchange(
  admin: Client,
  connection: string,
  text: string,
  columns: readonly string[],
): Promise<Record<string, string>[]> {
  await admin.query('SELECT pg_temp.azure_storage_send_query($1, $2)', [connection, text])
  const shape = columns.map(name => `${name} pg_catalog.text`).join()
  const result = `SELECT * FROM pg_temp.azure_storage_get_result($1) AS t (${shape})`
  await answered(admin, connection)
  const { rows } = await admin.query<Record<string, string>>(result, [connection])
  // libpq waits to be told that this is all.
  await answered(admin, connection)
  if ((await admin.query(result, [connection])).rows.length > 0) throw new Error('more than one result')
  return rows
}

async function answered(admin: Client, connection: string): Promise<void> {
  const state = 'SELECT pg_temp.azure_storage_is_busy($1) AS busy, pg_temp.azure_storage_error_message($1) AS error'
  const deadline = performance.now() + TRY_SECONDS * 1000
  for (;;) {
    const { rows } = await admin.query<{ busy: number; error: string }>(state, [connection])
    if (rows[0]?.busy === 0) return
    // A lost connection is "busy" all the same.
    if (rows[0]?.error !== 'OK' || performance.now() > deadline) throw new Error('no answer')
    await sleep(LOOK_INTERVAL_MS)
  }
}

const hex = (text: string): string => Buffer.from(text, 'utf8').toString('hex')

/** As azure_storage_private.connection_string() writes it, up to the encoding. */
const connectionString = ({ host, port }: { host: string; port: string }): string =>
  `password=${randomBytes(32).toString('hex')} host=${host} port=${port} user=${LOOPBACK_NAME} dbname=${LOOPBACK_NAME} ` +
  `sslmode=disable gssencmode=disable connect_timeout=${TRY_SECONDS} application_name=azure_storage client_encoding=`
