import { freePort } from '../../src/dev/free-port.ts'
import type { BenchStack } from './bench-stack.ts'
import { JOBS, prepareJobs, runJob } from './jobs.ts'
import type { Pair } from './measure.ts'
import { preparePgbench } from './relay-lines.ts'

const AGAINST = 'unwatched'
const CLIENTS = 8
/** As Prometheus would if it were in a hurry. */
const SCRAPE_MS = 1000

/** What it costs to be watched: notices of progress, somebody at the status page and one who scrapes, against a plain proxy beside it. */
export async function watchingLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  const http = await freePort()
  const port = await stack.anotherProxy('--progress', '--http', `127.0.0.1:${http}`)
  watch(`http://127.0.0.1:${http}`)
  await prepareJobs(stack, 'watched', `SELECT * FROM ev LIMIT ${rows}`)
  const lines: Pair[] = JOBS.map(job => ({
    name: `${job.name}, watched`,
    against: AGAINST,
    unit: 's',
    ours: () => runJob(stack, job, 'watched', 1, port),
    theirs: () => runJob(stack, job, 'watched'),
  }))
  const tps = await preparePgbench(stack)
  if (tps === undefined) return lines
  const relayed = (at: number) => () => tps(at, CLIENTS)
  const relay = { name: `pgbench -S, ${CLIENTS} clients, watched`, against: AGAINST, unit: 'tps' }
  return [...lines, { ...relay, ours: relayed(port), theirs: relayed(stack.proxyPort) }]
}

/** Until the proxy is gone. */
function watch(origin: string): void {
  const readEvents = async (): Promise<void> => {
    const { body } = await fetch(`${origin}/api/events`)
    for await (const _ of body as ReadableStream<Uint8Array>);
  }
  readEvents().catch(() => {})
  const timer = setInterval(() => {
    fetch(`${origin}/metrics`)
      .then(response => response.text())
      .catch(() => clearInterval(timer))
  }, SCRAPE_MS).unref()
}
