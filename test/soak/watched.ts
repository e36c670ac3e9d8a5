/**
 * npm run soak -- --transfers: transfers of 200 MB, each seen to move everywhere and to end as what it was; then 200 at a time, of all
 * kinds, some of which fail or are cancelled.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../../src/dev/free-port.ts'
import type { TransfersView } from '../../src/http/api.ts'
import { type BenchStack, registerAccount, sql, startBenchStack } from '../bench/bench-stack.ts'
import { type BrowserPage, startChromium } from '../support/chromium.ts'
import { ask, askJson, tokenOf } from '../support/http-requests.ts'
import { startThrottledStorage } from '../support/throttled-storage.ts'
import { contentsOf, makeTables, shortcomings, transferKinds } from '../support/transfer-kinds.ts'
import { growth, watchTransfer } from '../support/watched-transfers.ts'

/** Of some 100 bytes each. */
export const ROWS = 2_000_000
const BYTES_PER_SECOND = { up: 10_000_000, down: 20_000_000 }
/** So that what is to be cancelled has not ended before. */
const SLOW_BYTES_PER_SECOND = 1_000_000
const LONG_BLOCKS = 25
const LONG_BLOCK = Buffer.from('1,x,t\n'.repeat(1_500_000))
const CONCURRENT = 200
const SMALL_ROWS = 10_000

type Logged = Record<string, unknown> & { readonly msg?: string }

export async function watchTransfers(version: 15 | 18, rows = ROWS): Promise<void> {
  const { up, down } = BYTES_PER_SECOND
  const rates = { up: (up * rows) / ROWS, down: (down * rows) / ROWS }
  let storage: Awaited<ReturnType<typeof startThrottledStorage>> | undefined
  const httpPort = await freePort()
  const logged: Logged[] = []
  const stack = await startBenchStack(version, {
    proxyArgs: ['--http', `127.0.0.1:${httpPort}`],
    storageBefore: async azurite => {
      storage = await startThrottledStorage(azurite, rates)
      return storage.endpointTemplate
    },
    onProxyOutput: linesOf(line => logged.push(JSON.parse(line))),
  })
  const origin = `http://127.0.0.1:${httpPort}`
  const page = await startChromium()
  try {
    const admin = await connect(stack)
    await admin.query('CREATE EXTENSION azure_storage')
    await admin.query(registerAccount)
    // What waits to be uploaded is counted too.
    if (rows < ROWS) await sql(stack.directPort, 'ALTER DATABASE postgres SET azure_storage.blob_block_size_mb = 1')
    await page.open(`${origin}/`)
    await largeOnes(stack, admin, origin, page, rows)
    rates.down = SLOW_BYTES_PER_SECOND
    await manyOnes(stack, admin, origin, logged)
    await admin.end()
  } finally {
    await page.close()
    await storage?.close()
    await stack.close()
  }
}

function linesOf(take: (line: string) => void): (chunk: Buffer) => void {
  let rest = ''
  return chunk => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() as string
    for (const line of lines) if (line.startsWith('{')) take(line)
  }
}

async function connect({ proxyPort }: BenchStack): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: `postgres://postgres@127.0.0.1:${proxyPort}/postgres` })
  client.on('error', () => {})
  await client.connect()
  return client
}

const bytesOf = async ({ container }: BenchStack, path: string): Promise<number> =>
  (await container.getBlobClient(path).getProperties()).contentLength ?? 0

async function largeOnes(
  stack: BenchStack,
  admin: pg.Client,
  origin: string,
  page: BrowserPage,
  count: number,
): Promise<void> {
  await admin.query(makeTables(count))
  const url = `postgres://postgres@127.0.0.1:${stack.proxyPort}/postgres`
  const { exports, imports } = transferKinds({ account: stack.account, container: 'bench' }, 'copied.csv')
  const { rows } = await admin.query(contentsOf('ev'))
  for (const kind of [...exports, ...imports]) {
    const before = await totalsOf(origin)
    const seen = await watchTransfer({ url, origin, page }, kind)
    const bytes = await bytesOf(stack, kind.path)
    const wrong = shortcomings(kind, seen, { bytes, rows: count })
    const after = await totalsOf(origin)
    const name = `blobgres_transfer_bytes_total{direction="${kind.direction}"}`
    if ((after.get(name) ?? 0) - (before.get(name) ?? 0) !== bytes) wrong.push(`${name} grew by other than ${bytes}`)
    if (kind.direction === 'import') {
      const contents = (await admin.query(contentsOf(kind.name))).rows
      if (contents[0].contents !== rows[0].contents) wrong.push(`${kind.name} has ${contents[0].contents}`)
      await admin.query(`TRUNCATE ${kind.name}`)
    }
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
    const bars =
      kind.direction === 'import' ? growth(seen.bar.filter(each => each !== undefined)) : new Set(seen.words).size
    const views = [seen.api, seen.events].map(each => growth(each.map(view => view.bytes + (view.rows ?? 0))))
    const spooling = growth(
      seen.api.filter(({ state }) => state === 'spooling').map(view => view.bytes + (view.rows ?? 0)),
    )
    console.log(
      `PostgreSQL ${stack.version}, ${kind.direction}, ${kind.name}: ${bytes} bytes, ${count} rows, ${Math.round(seen.finished.ms / 1000)} s; ` +
        `moved in ${seen.notices.length} notices, ${bars} times on the page, ${views[0]} in the API ` +
        `(${spooling} while it spooled), ${views[1]} in the events, ${growth(seen.metric)} in the metrics.`,
    )
  }
}

/** Series of /metrics, by name and labels. */
async function totalsOf(origin: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await ask(`${origin}/metrics`)
  return new Map(
    body.split('\n').flatMap(line => {
      const [, series, value] = /^(blobgres_\S+(?: \S+="[^"]*"\})?) (\S+)$/.exec(line) ?? []
      return series === undefined ? [] : [[series, Number(value)] as const]
    }),
  )
}

interface Expected {
  readonly sql: string
  readonly direction: 'import' | 'export'
  readonly format: 'csv' | 'parquet'
  readonly outcome: 'done' | 'failed' | 'cancelled'
  readonly sqlstate?: string
  readonly rows?: number
  /** Of which blob it has all bytes. */
  readonly path?: string
}

function expectedOf({ account, url }: BenchStack, i: number): Expected {
  const args = (path: string): string => `'${account}', 'bench', '${path}'`
  const done = { outcome: 'done', rows: SMALL_ROWS } as const
  const csv = { format: 'csv', direction: 'import' } as const
  const columns = 'AS t (id int, payload text, is_odd bool)'
  switch (i % 10) {
    case 0:
      return { ...csv, ...done, path: 'few.csv', sql: `COPY few_${i} FROM '${url('few.csv')}'` }
    case 1:
      return {
        ...csv,
        ...done,
        path: 'few.csv',
        sql: `INSERT INTO few_${i} SELECT * FROM azure_storage.blob_get(${args('few.csv')}, NULL::few)`,
      }
    case 2:
      return {
        ...csv,
        ...done,
        direction: 'export',
        path: `out${i}.csv.gz`,
        sql: `COPY few TO '${url(`out${i}.csv.gz`)}'`,
      }
    case 3:
      return {
        ...csv,
        ...done,
        direction: 'export',
        path: `out${i}.csv`,
        sql: `SELECT azure_storage.blob_put(${args(`out${i}.csv`)}, few) FROM few`,
      }
    case 4:
      return {
        ...done,
        format: 'parquet',
        direction: 'import',
        path: 'few.parquet',
        sql: `COPY few_${i} FROM '${url('few.parquet')}'`,
      }
    case 5:
      return {
        ...done,
        format: 'parquet',
        direction: 'export',
        path: `out${i}.parquet`,
        sql: `COPY few TO '${url(`out${i}.parquet`)}'`,
      }
    case 6:
      return { ...csv, outcome: 'failed', sqlstate: '58P01', sql: `COPY few_${i} FROM '${url('none.csv')}'` }
    case 7:
      return {
        ...csv,
        outcome: 'failed',
        sqlstate: '22P02',
        sql: `SELECT count(*) FROM azure_storage.blob_get(${args('bad.csv')}) ${columns}`,
      }
    case 8:
      return { ...csv, outcome: 'cancelled', sqlstate: '57014', sql: `COPY few_${i} FROM '${url('long.csv')}'` }
    default:
      return {
        ...csv,
        outcome: 'cancelled',
        sqlstate: '57014',
        sql: `SELECT count(*) FROM azure_storage.blob_get(${args('long.csv')}) ${columns}`,
      }
  }
}

async function manyOnes(stack: BenchStack, admin: pg.Client, origin: string, logged: Logged[]): Promise<void> {
  await admin.query(`CREATE TABLE few AS SELECT * FROM ev WHERE id <= ${SMALL_ROWS}`)
  await admin.query(Array.from({ length: CONCURRENT }, (_, i) => `CREATE TABLE few_${i} (LIKE few)`).join(';'))
  for (const path of ['few.csv', 'few.parquet']) await admin.query(`COPY few TO '${stack.url(path)}'`)
  await stack.container.getBlockBlobClient('bad.csv').upload('1,x,t\nx,x,t\n', 12)
  await uploadLong(stack)
  const expected = Array.from({ length: CONCURRENT }, (_, i) => expectedOf(stack, i))
  const clients = await Promise.all(expected.map(() => connect(stack)))
  const before = await totalsOf(origin)
  const first = logged.length
  const start = performance.now()
  const token = { 'x-blobgres-token': await tokenOf(origin) }
  const running = clients.map(async (client, i) => {
    const { sql, sqlstate } = expected[i] as Expected
    const error: pg.DatabaseError | undefined = await client.query(sql).then(
      () => undefined,
      error => error,
    )
    if (error?.code !== sqlstate) throw new Error(`${sql}: ${error?.message}, ${error?.detail}`, { cause: error })
  })
  const all = Promise.all(running)
  const cancelled = cancelAll(origin, token, expected.filter(({ outcome }) => outcome === 'cancelled').length)
  await Promise.all([all, cancelled])
  const seconds = (performance.now() - start) / 1000
  await check(stack, { origin, clients, expected, before, ended: () => logged.slice(first) })
  const distinct = new Set(clients.map(({ processID }: pg.Client & { processID?: number }) => processID)).size
  console.log(
    `PostgreSQL ${stack.version}: ${distinct} at a time in ${seconds.toFixed(0)} s; all ${CONCURRENT} in the log and in the metrics, the last 100 in the history.`,
  )
  await Promise.all(clients.map(client => client.end()))
}

async function uploadLong({ container }: BenchStack): Promise<void> {
  const blob = container.getBlockBlobClient('long.csv')
  const ids = Array.from({ length: LONG_BLOCKS }, (_, i) => Buffer.from(String(i).padStart(6, '0')).toString('base64'))
  for (const id of ids) await blob.stageBlock(id, LONG_BLOCK, LONG_BLOCK.length)
  await blob.commitBlockList(ids)
}

/** Cancels as the page does. */
async function cancelAll(origin: string, token: Readonly<Record<string, string>>, count: number): Promise<void> {
  const cancelled = new Set<number>()
  while (cancelled.size < count) {
    await sleep(200) // as a page that looks now and then
    const { live } = (await askJson(`${origin}/api/transfers`)) as TransfersView
    const found = live.filter(each => each.path === 'long.csv' && each.bytes > 0 && !cancelled.has(each.id))
    await Promise.all(
      found.map(async ({ id }) => {
        const { status } = await ask(`${origin}/api/transfers/${id}/cancel`, token, 'POST')
        if (status !== 202) throw new Error(`cancelling ${id}: ${status}`)
        cancelled.add(id)
      }),
    )
  }
}

async function check(
  stack: BenchStack,
  {
    origin,
    clients,
    expected,
    before,
    ended,
  }: {
    readonly origin: string
    readonly clients: readonly pg.Client[]
    readonly expected: readonly Expected[]
    readonly before: ReadonlyMap<string, number>
    readonly ended: () => readonly Logged[]
  },
): Promise<void> {
  const { live, finished } = (await askJson(`${origin}/api/transfers`)) as TransfersView
  if (live.length > 0) throw new Error(`still live: ${JSON.stringify(live)}`)
  if (finished.length !== 100) throw new Error(`the history has ${finished.length}`)
  const lines = ended()
  const byBackend = new Map(lines.filter(({ msg }) => msg === 'transfer ended').map(line => [line.backend, line]))
  if (byBackend.size !== expected.length) throw new Error(`${byBackend.size} have ended in the log`)
  for (const [i, each] of expected.entries()) {
    const pid = (clients[i] as pg.Client & { processID: number }).processID
    const bytes = each.path === undefined ? undefined : await bytesOf(stack, each.path)
    const places = [byBackend.get(pid), finished.find(view => view.pid === pid)]
    for (const place of places) {
      const wrong =
        place !== undefined &&
        (place.outcome !== each.outcome ||
          (place.sqlstate ?? undefined) !== each.sqlstate ||
          (bytes !== undefined && (place.bytes !== bytes || place.rows !== each.rows)))
      if (wrong) throw new Error(`${each.sql}: ${JSON.stringify(place)}`)
    }
  }
  const after = await totalsOf(origin)
  for (const [series, count] of countsOf(expected)) {
    const grown = (after.get(series) ?? 0) - (before.get(series) ?? 0)
    if (grown !== count) throw new Error(`${series} has grown by ${grown}, not ${count}`)
  }
}

function countsOf(expected: readonly Expected[]): ReadonlyMap<string, number> {
  const counts = new Map([['blobgres_transfer_duration_seconds_count', expected.length]])
  for (const { direction, format, outcome } of expected) {
    const series = `blobgres_transfers_total{direction="${direction}",format="${format}",outcome="${outcome}"}`
    counts.set(series, (counts.get(series) ?? 0) + 1)
  }
  return counts
}
