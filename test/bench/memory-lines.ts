import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type BenchStack, sql } from './bench-stack.ts'
import { connect, JOBS, prepareJobs, runJob } from './jobs.ts'
import type { Pair } from './measure.ts'
import { type Peak, peakOf, rssOfProxy } from './memory.ts'

const BIG_IMPORT_BYTES = 2 * 1024 ** 3
const WIDE_ROWS = 1_000_000
const SESSIONS = 64
/** Of the rows, what each of many sessions works on. */
const SHARE = 1 / 20
/** What the proxy and its engines are to take at most with all of them at a time, in MiB; see docs/performance.md. */
const MOST = { reading: 768, writing: 768, parquet: 1024 }
const IDLE_SESSIONS = 1500
const OPENED_AT_A_TIME = 8
/** In which garbage of the logins goes. */
const SETTLE_MS = 3000
/** What an idle session is to take at most, in KiB. */
const IDLE_AIM = 30

export async function memoryLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  await prepareJobs(stack, 'many', `SELECT * FROM ev LIMIT ${Math.ceil(rows * SHARE)}`, SESSIONS)
  const peak = async (job: (typeof JOBS)[number]): Promise<number> =>
    (await peakOf(stack, () => runJob(stack, job, 'many', SESSIONS))).together
  return [
    bigImport(stack),
    bigParquet(stack),
    ...JOBS.map(job => ({
      name: `peak RSS, ${job.name}, ${SESSIONS} at a time`,
      against: 'what they are to take at most',
      unit: 'MiB',
      ours: () => peak(job),
      theirs: async () => MOST[job.kind],
    })),
    idleSessions(stack),
    readySessions(stack),
  ]
}

function bigImport(stack: BenchStack): Pair {
  const peak = async (blob: string): Promise<number> => {
    const { proxy } = await peakOf(stack, () => sql(stack.proxyPort, `COPY target FROM '${stack.url(blob)}'`))
    await sql(stack.directPort, 'TRUNCATE target')
    return proxy
  }
  return {
    name: 'peak RSS, 2 GB import',
    against: 'the import of ev.csv',
    unit: 'MiB',
    once: true,
    theirs: () => peak('ev.csv'),
    async ours() {
      await uploadBig(stack)
      return await peak('big.csv')
    },
  }
}

/** big.csv: ev.csv again and again. */
async function uploadBig({ container, dir }: BenchStack): Promise<void> {
  const big = container.getBlockBlobClient('big.csv')
  const ids: string[] = []
  const file = join(dir, 'ev.csv')
  const { size } = await stat(file)
  for (let bytes = 0; bytes < BIG_IMPORT_BYTES; bytes += size) {
    const id = Buffer.from(String(ids.length).padStart(6, '0')).toString('base64')
    await big.stageBlock(id, () => createReadStream(file), size)
    ids.push(id)
  }
  await big.commitBlockList(ids)
}

/** A Parquet file of 2 GB, written and read: the proxy, and beside it its engine's process. */
function bigParquet(stack: BenchStack): Pair {
  const { directPort, proxyPort, url } = stack
  const copies = async (): Promise<void> => {
    await sql(
      directPort,
      `CREATE TABLE wide (id int, pad text);
       CREATE VIEW wide_rows AS SELECT g AS id, repeat(md5(g::text), 64) AS pad FROM generate_series(1, ${WIDE_ROWS}) AS g`,
    )
    await sql(proxyPort, `COPY wide_rows TO '${url('wide.parquet')}' WITH (COMPRESSION 'none')`)
    await sql(proxyPort, `COPY wide FROM '${url('wide.parquet')}'`)
    await sql(directPort, 'DROP VIEW wide_rows; DROP TABLE wide')
  }
  let peak: Promise<Peak> | undefined
  const peaks = (): Promise<Peak> => {
    peak ??= peakOf(stack, copies)
    return peak
  }
  return {
    name: 'peak RSS, 2 GB of parquet written and read',
    against: "the engine's process, beside it",
    unit: 'MiB',
    once: true,
    ours: async () => (await peaks()).proxy,
    theirs: async () => (await peaks()).child,
  }
}

/** What one of 1,500 sessions that have nothing to do takes. */
function idleSessions(stack: BenchStack): Pair {
  return {
    name: `memory of one of ${IDLE_SESSIONS} idle sessions`,
    against: 'what it is to take at most',
    unit: 'KiB',
    async ours() {
      await stack.restartProxy()
      // What the first sessions bring along is not theirs.
      await closeAll((await openSessions(stack.proxyPort, IDLE_SESSIONS / 10)).clients)
      await sleep(SETTLE_MS)
      const before = await rssOfProxy(stack)
      const { clients } = await openSessions(stack.proxyPort, IDLE_SESSIONS)
      await sleep(SETTLE_MS)
      const after = await rssOfProxy(stack)
      await closeAll(clients)
      return ((after - before) * 1024) / IDLE_SESSIONS
    },
    theirs: async () => IDLE_AIM,
  }
}

function readySessions(stack: BenchStack): Pair {
  const slowest = async (port: number): Promise<number> => {
    const opened = await openSessions(port, IDLE_SESSIONS)
    await closeAll(opened.clients)
    return opened.slowest
  }
  return {
    name: `the slowest of ${IDLE_SESSIONS} sessions to be ready`,
    against: 'direct',
    unit: 's',
    ours: () => slowest(stack.proxyPort),
    theirs: () => slowest(stack.directPort),
  }
}

/** Some at a time, and how long the slowest took until it was ready. */
async function openSessions(port: number, count: number): Promise<{ clients: pg.Client[]; slowest: number }> {
  const clients: pg.Client[] = []
  let slowest = 0
  let left = count
  const open = async (): Promise<void> => {
    while (left-- > 0) {
      const start = performance.now()
      clients.push(await connect(port))
      slowest = Math.max(slowest, (performance.now() - start) / 1000)
    }
  }
  await Promise.all(Array.from({ length: OPENED_AT_A_TIME }, open))
  return { clients, slowest }
}

const closeAll = (clients: readonly pg.Client[]): Promise<unknown> => Promise.all(clients.map(client => client.end()))
