import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import { type BenchStack, registerAccount } from '../bench/bench-stack.ts'
import { runBlobLoad } from '../support/blob-load.ts'
import type { Random } from '../support/random.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

export const ROWS = 20_000
const BIG_ROWS = 100_000
const ACCOUNTS = 50
const FUNCTION_SESSIONS = 4

export interface Soak {
  readonly stack: BenchStack
  readonly random: Random
  /** When the load is over, as Date.now() tells. */
  readonly end: number
  /** How often each thing happened. */
  readonly counts: Map<string, number>
  readonly formats: readonly string[]
  /** The workers' own, closed at the end of the load. */
  readonly sessions: pg.Client[]
}

/** Something a worker does again and again. */
type Round = () => Promise<void>

const url = ({ stack }: Soak): string => `postgres://postgres@127.0.0.1:${stack.proxyPort}/postgres`
const md5 = (bytes: Buffer | string): string => createHash('md5').update(bytes).digest('hex')

export function count({ counts }: Soak, what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times)
}

export async function connect(soak: Soak): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url(soak) })
  client.on('error', () => {})
  await client.connect()
  return client
}

function expectEqual(what: string, actual: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (is !== should) throw new Error(`${what}: ${is} instead of ${should}`)
}

function csv(rows: number, version: number): string {
  return Array.from({ length: rows }, (_, n) => `${version},${n},${'x'.repeat(1 + (n % 90))}\n`).join('')
}

/** The hash of a whole table as csv. */
const WHOLE: ReadonlyMap<number, string> = new Map([ROWS, BIG_ROWS].map(rows => [rows, md5(csv(rows, 1))]))

/** Tables and blobs that the load works on. */
export async function prepare(soak: Soak): Promise<void> {
  const { stack } = soak
  const admin = await connect(soak)
  await admin.query('CREATE EXTENSION azure_storage')
  await admin.query(registerAccount)
  await admin.query(`
    CREATE TABLE account AS SELECT id, 0 AS balance FROM generate_series(1, ${ACCOUNTS}) id;
    CREATE TABLE history (delta int);
    CREATE UNLOGGED TABLE loaded (session int, n int, pad text);
    CREATE TABLE taken (version int, n int, pad text);
    CREATE TABLE small AS SELECT 1 AS version, n, repeat('x', 1 + n % 90) AS pad FROM generate_series(0, ${ROWS - 1}) n;
    CREATE TABLE big AS SELECT 1 AS version, n, repeat('x', 1 + n % 90) AS pad FROM generate_series(0, ${BIG_ROWS - 1}) n`)
  const blobs: Record<string, Buffer> = {
    'fixed.csv': Buffer.from(csv(ROWS, 1)),
    'fixed.csv.gz': gzipSync(csv(ROWS, 1)),
    'big.csv': Buffer.from(csv(BIG_ROWS, 1)),
    'changing.csv': Buffer.from(csv(BIG_ROWS, 1)),
  }
  for (const [path, contents] of Object.entries(blobs)) {
    await stack.container.getBlockBlobClient(path).uploadData(contents)
  }
  // What the proxy makes for its first Parquet file, it keeps.
  await admin.query(`COPY small TO '${stack.url('first.parquet')}'`)
  await admin.end()
}

/** Runs all workers until the end, or until one finds something wrong. */
export async function runLoad(soak: Soak): Promise<void> {
  const { stack, end } = soak
  const workers: Promise<Round>[] = [
    transfers(soak, false),
    transfers(soak, true),
    imports(soak, 'fixed.csv'),
    imports(soak, 'fixed.csv.gz'),
    changes(soak),
    changingImports(soak),
    ...soak.formats.map(format => exports(soak, 'small', format)),
    exports(soak, 'big', 'csv'),
    logins(soak),
    interruptions(soak, 'cancels', cancel),
    interruptions(soak, 'client kills', kill),
    interruptions(soak, 'backend kills', terminate),
  ]
  const clients = await Promise.all(Array.from({ length: FUNCTION_SESSIONS }, () => openSession(soak)))
  const functions = runBlobLoad({
    clients,
    args: `'${stack.account}', 'bench'`,
    milliseconds: end - Date.now(),
    isTransient: storageBroke,
  }).then(async ({ rows, rounds }) => {
    count(soak, 'blob_put, blob_get and blob_list in turn', rounds)
    expectEqual('rows of blob_get', (await query(soak, 'SELECT count(*)::int AS rows FROM loaded'))[0], { rows })
  })
  const loops = workers.map(async worker => {
    const round = await worker
    while (Date.now() < end) {
      await round().catch(error => {
        if (!storageBroke(error)) throw error
        count(soak, 'failures for a storage that broke')
      })
    }
  })
  await Promise.all([functions, ...loops])
  for (const session of soak.sessions) await session.end()
}

/** The storage is made to drop connections: seldom so many in a row that the proxy gives up. */
const storageBroke = (error: unknown): boolean => (error as { code?: string }).code === '08001'

/** What must hold in the end. */
export async function checkInvariants(soak: Soak): Promise<void> {
  const moved = soak.counts.get('transfers (simple)') ?? 0
  const prepared = soak.counts.get('transfers (prepared)') ?? 0
  const [state] = await query(
    soak,
    `SELECT (SELECT sum(balance) FROM account)::int AS balance, (SELECT count(*) FROM history)::int AS transfers,
       (SELECT count(*) % ${ROWS} FROM taken)::int AS odd_rows,
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')::int AS locks,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())::int AS backends,
       (SELECT count(*) FROM pg_proc WHERE proname LIKE 'blobgres_installer_%')::int AS installers`,
  )
  expectEqual('the state at the end', state, {
    balance: 0,
    transfers: moved + prepared,
    odd_rows: 0,
    locks: 0,
    backends: 0,
    installers: 0,
  })
  const whole = new Set(WHOLE.values())
  for await (const { name } of soak.stack.container.listBlobsFlat({ prefix: 'interrupted/' })) {
    if (!whole.has(md5(await bytesOf(soak, name)))) throw new Error(`${name} is neither of the blobs that were written`)
  }
}

async function openSession(soak: Soak): Promise<pg.Client> {
  const client = await connect(soak)
  soak.sessions.push(client)
  return client
}

async function query(soak: Soak, sql: string): Promise<Record<string, unknown>[]> {
  const client = await connect(soak)
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const bytesOf = ({ stack }: Soak, path: string): Promise<Buffer> =>
  stack.container.getBlobClient(path).downloadToBuffer()

/** Like pgbench: what one account gets, another gives. */
async function transfers(soak: Soak, prepared: boolean): Promise<Round> {
  const client = await openSession(soak)
  const run = (name: string, text: string, values: number[]): Promise<unknown> =>
    prepared
      ? client.query({ name, text, values })
      : client.query(values.reduce<string>((sql, value, i) => sql.replaceAll(`$${i + 1}`, String(value)), text))
  return async () => {
    const delta = soak.random.below(1000)
    const first = 1 + soak.random.below(ACCOUNTS - 1)
    const update = 'UPDATE account SET balance = balance + $1::int WHERE id = $2::int'
    await client.query('BEGIN')
    await run('update', update, [delta, first])
    await run('update', update, [0 - delta, first + 1])
    await run('insert', 'INSERT INTO history VALUES ($1::int)', [delta])
    await client.query('COMMIT')
    count(soak, prepared ? 'transfers (prepared)' : 'transfers (simple)')
  }
}

async function imports(soak: Soak, path: string): Promise<Round> {
  const client = await openSession(soak)
  await client.query('CREATE TEMP TABLE t (LIKE small)')
  return async () => {
    await client.query('TRUNCATE t')
    const { rowCount } = await client.query(`COPY t FROM '${soak.stack.url(path)}'`)
    const { rows } = await client.query('SELECT count(*)::int AS n FROM (TABLE t EXCEPT ALL TABLE small) AS wrong')
    expectEqual(`import of ${path}`, { rowCount, wrong: rows[0].n }, { rowCount: ROWS, wrong: 0 })
    count(soak, 'imports')
  }
}

/** One blob gets a new version all the time … */
async function changes(soak: Soak): Promise<Round> {
  let version = 1
  return async () => {
    const contents = Buffer.from(csv(BIG_ROWS, ++version))
    await soak.stack.container.getBlockBlobClient('changing.csv').uploadData(contents)
    count(soak, 'versions of the blob that changes')
    await sleep(1000)
  }
}

/** … and whoever reads it gets one of them, or an error. */
async function changingImports(soak: Soak): Promise<Round> {
  const client = await openSession(soak)
  await client.query('CREATE TEMP TABLE t (LIKE small)')
  return async () => {
    await client.query('TRUNCATE t')
    try {
      await client.query(`COPY t FROM '${soak.stack.url('changing.csv')}'`)
      count(soak, 'imports of the blob that changes')
    } catch (error) {
      if ((error as { code?: string }).code !== '55000') throw error
      count(soak, 'imports refused because the blob changed')
      return
    }
    const { rows } = await client.query('SELECT count(*)::int AS rows, count(DISTINCT version)::int AS versions FROM t')
    expectEqual('a blob that changes', rows[0], { rows: BIG_ROWS, versions: 1 })
  }
}

async function exports(soak: Soak, table: string, format: string): Promise<Round> {
  const client = await openSession(soak)
  await client.query('CREATE TEMP TABLE t (LIKE small)')
  const path = `exports/${table}.${format}`
  const rows = table === 'big' ? BIG_ROWS : ROWS
  return async () => {
    const { rowCount } = await client.query(`COPY ${table} TO '${soak.stack.url(path)}'`)
    expectEqual(`export to ${path}`, rowCount, rows)
    if (format === 'csv') expectEqual(path, md5(await bytesOf(soak, path)), WHOLE.get(rows))
    else {
      await client.query('TRUNCATE t')
      await client.query(`COPY t FROM '${soak.stack.url(path)}'`)
      const wrong = await client.query(
        `(TABLE t EXCEPT ALL TABLE ${table}) UNION ALL (TABLE ${table} EXCEPT ALL TABLE t)`,
      )
      expectEqual(`round trip of ${path}`, wrong.rowCount, 0)
    }
    count(soak, `exports (${format})`)
  }
}

/** Connections that log in and out, and some that never do. */
async function logins(soak: Soak): Promise<Round> {
  return async () => {
    const client = await connect(soak)
    expectEqual('a new session', (await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    await client.end()
    const login = loginPacket(url(soak))
    const silent = await WireClient.open(url(soak))
    silent.send(login.subarray(0, soak.random.below(login.length + 1)))
    silent.kill(soak.random.pick(['fin', 'reset']))
    count(soak, 'connects', 2)
  }
}

type Interruption = (soak: Soak, client: WireClient, admin: pg.Client) => Promise<void>

/** Statements that are interrupted at any moment: they fail as they should or succeed, and nothing is half done. */
async function interruptions(soak: Soak, name: string, interrupt: Interruption): Promise<Round> {
  const { stack, random } = soak
  const admin = await openSession(soak)
  const place = `interrupted/${name.replace(' ', '-')}.csv`
  const args = `'${stack.account}', 'bench'`
  const statements = [
    'SELECT pg_sleep(0.1)',
    `COPY taken FROM '${stack.url('fixed.csv')}'`,
    `COPY small TO '${stack.url(place)}'`,
    `COPY big TO '${stack.url(place)}'`,
    `INSERT INTO taken SELECT * FROM azure_storage.blob_get(${args}, 'fixed.csv') AS t (version int, n int, pad text)`,
    `SELECT count(*) FROM azure_storage.blob_get(${args}, 'big.csv') AS t (version int, n int, pad text)`,
    `SELECT azure_storage.blob_put(${args}, '${place}', s) FROM small AS s`,
    `SELECT count(*) FROM azure_storage.blob_list(${args})`,
  ]
  return async () => {
    const client = await WireClient.connect(url(soak))
    client.send(wire.query(random.pick(statements)))
    await sleep(random.below(300))
    await interrupt(soak, client, admin)
    count(soak, name)
  }
}

async function cancel(soak: Soak, client: WireClient): Promise<void> {
  const canceller = await WireClient.open(url(soak))
  canceller.send(cancelPacket(client.key))
  await canceller.until('EOF')
  expectOutcome(await client.until('Z'), '57014')
  const alive = (): Promise<string | undefined> => client.value('SELECT 1')
  expectEqual('a session after a cancel request', await alive().catch(alive), '1')
  await client.close()
}

async function kill(soak: Soak, client: WireClient): Promise<void> {
  client.kill(soak.random.pick(['fin', 'reset']))
}

async function terminate(_: Soak, client: WireClient, admin: pg.Client): Promise<void> {
  await admin.query('SELECT pg_terminate_backend($1)', [client.pid])
  expectOutcome(await client.until('EOF'), '57P01')
  await client.close()
}

/** At most one error of the statement's, of the expected kind or the storage's. */
function expectOutcome(shown: readonly string[], code: string): void {
  const errors = shown.filter(line => /^E /.test(line) && !line.includes(' 08001 '))
  const expected = new RegExp(`^E (ERROR|FATAL) ${code} `)
  if (errors.length > 1 || !errors.every(line => expected.test(line))) throw new Error(errors.join('\n'))
}
