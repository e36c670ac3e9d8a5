import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchStack, peakRss, sql } from './bench-stack.ts'
import { compare, type Line, seconds } from './measure.ts'

const WIDE_ROWS = 1_000_000
const WATCH_INTERVAL_MS = 100

/** COPY of a Parquet blob against the server's own COPY of the same rows as csv; the rows go through two engines. */
export async function parquetLines(stack: BenchStack, rounds: number): Promise<Line[]> {
  const { directPort, proxyPort, dir } = stack
  const file = join(dir, 'ev.csv')
  const timed = async (port: number, text: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(port, text))
  }
  await sql(proxyPort, `COPY ev TO '${stack.url('ev.parquet')}'`)
  return [
    await compare(
      'import parquet',
      'server-side COPY FROM of the csv',
      's',
      rounds,
      () => timed(proxyPort, `COPY target FROM '${stack.url('ev.parquet')}'`),
      () => timed(directPort, `COPY target FROM '${file}' CSV`),
    ),
    await compare(
      'export parquet',
      'server-side COPY TO a csv file',
      's',
      rounds,
      () => seconds(() => sql(proxyPort, `COPY ev TO '${stack.url('out.parquet')}'`)),
      () => seconds(() => sql(directPort, `COPY ev TO '${join(dir, 'out.csv')}' CSV`)),
    ),
  ]
}

/** Peak memory with a Parquet file of 2 GB, written and read: of the proxy, and beside it of its engine's process. */
export async function parquetMemoryLine({ proxyPort, directPort, proxyPid, url }: BenchStack): Promise<Line> {
  await sql(
    directPort,
    `CREATE TABLE wide (id int, pad text);
     CREATE VIEW wide_rows AS SELECT g AS id, repeat(md5(g::text), 64) AS pad FROM generate_series(1, ${WIDE_ROWS}) AS g`,
  )
  const copies = (async () => {
    await sql(proxyPort, `COPY wide_rows TO '${url('wide.parquet')}' WITH (COMPRESSION 'none')`)
    await sql(proxyPort, `COPY wide FROM '${url('wide.parquet')}'`)
  })()
  const engine = await peakOfEngines(proxyPid, copies)
  await sql(directPort, 'DROP VIEW wide_rows; DROP TABLE wide')
  const proxy = await peakRss(proxyPid)
  return {
    name: 'peak RSS, 2 GB of parquet written and read',
    against: "the engine's process, beside it",
    unit: 'MiB',
    ours: proxy,
    theirs: engine,
    ratio: proxy / engine,
    rounds: 1,
  }
}

async function peakOfEngines(proxyPid: number, work: Promise<void>): Promise<number> {
  let over = false
  const ended = work.finally(() => {
    over = true
  })
  let peak = 0
  while (!over) {
    for (const pid of await childrenOf(proxyPid)) {
      const engine = await peakRss(pid).catch(() => 0)
      if (engine > peak) peak = engine // one that has just ended has none
    }
    await Promise.race([sleep(WATCH_INTERVAL_MS), ended])
  }
  await ended
  return peak
}

async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
    if (Number(/PPid:\s+(\d+)/.exec(status)?.[1]) === parent) children.push(Number(pid))
  }
  return children
}
