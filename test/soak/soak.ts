/**
 * Mixed load on PostgreSQL 15 and 18, half of the time each, while the storage drops a connection now and then; ends with
 * an error as soon as something is wrong: npm run soak [-- --minutes 10] [--seed n] [--postgres 15|18] [--workers 1]. With
 * --transfers [--rows n], see watched.ts.
 */
import { cpus, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { peakRss, startBenchStack } from '../bench/bench-stack.ts'
import { type FaultyStorage, startFaultyStorage } from '../support/faulty-storage.ts'
import { Random } from '../support/random.ts'
import { checkInvariants, prepare, runLoad, type Soak } from './load.ts'
import { readVitals, type Vitals, watchVitals } from './vitals.ts'
import { ROWS, watchTransfers } from './watched.ts'

/** Extensions of what is exported. */
const FORMATS = ['csv', 'csv.gz', 'tsv', 'parquet']
/** Warm-up: nothing is measured yet. */
const WARM_UP_MS = 5_000
/** Idle connections to the storage are closed by then. */
const SETTLE_MS = 8_000
/** One connection in so many to the storage is cut, somewhere in its first megabytes. */
const CUT_EVERY = 20
const CUT_WITHIN_BYTES = 4 * 1024 * 1024
/** What a garbage-collected heap may differ by. */
const RSS_SLACK = { ratio: 1.2, mebibytes: 16 }

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rows: { type: 'string' },
    transfers: { type: 'boolean', default: false },
    postgres: { type: 'string', default: '15,18' },
    seed: { type: 'string', default: String((Date.now() % 1e9) | 1) },
    workers: { type: 'string', default: '1' },
  },
})

async function soak(version: 15 | 18, milliseconds: number, random: Random): Promise<void> {
  let storage: FaultyStorage | undefined
  const complaints: string[] = []
  const stack = await startBenchStack(version, {
    proxyArgs: ['--workers', values.workers],
    storageBefore: async azurite => {
      storage = await startFaultyStorage(azurite, () =>
        random.below(CUT_EVERY) === 0 ? random.below(CUT_WITHIN_BYTES) : Number.POSITIVE_INFINITY,
      )
      return storage.endpointTemplate
    },
    onProxyOutput: chunk => {
      for (const line of chunk.toString().split('\n')) if (/"level":(50|60)/.test(line)) complaints.push(line)
    },
  })
  try {
    const end = Date.now() + milliseconds
    const run: Soak = { stack, random, end, counts: new Map(), formats: FORMATS, sessions: [] }
    await prepare(run)
    await sleep(SETTLE_MS)
    const pids = stack.proxyPids()
    const idle = await readVitals(pids)
    const load = runLoad(run)
    load.catch(() => {})
    await Promise.race([sleep(WARM_UP_MS), load])
    const watch = watchVitals(pids)
    await load
    const { first, last } = watch.stop()
    await sleep(SETTLE_MS)
    const after = await readVitals(pids)
    const peak = (await Promise.all(pids.map(peakRss))).reduce((sum, each) => sum + each)
    const counts = [...run.counts].map(([what, times]) => `${times} ${what}`).join(', ')
    console.log(`PostgreSQL ${version}, ${milliseconds / 60_000} minutes: ${counts}.`)
    console.log(
      `Proxy, medians of the first third of the time, the last, and idle in the end: ${show(first)}; ${show(last)}; ` +
        `${show(after)} (${show(idle)} before); at most ${Math.round(peak)} MiB.`,
    )
    await checkInvariants(run)
    if (last.rssMiB > first.rssMiB * RSS_SLACK.ratio + RSS_SLACK.mebibytes) throw new Error('the memory grows')
    if (after.descriptors > idle.descriptors) throw new Error('descriptors are left open')
    if (complaints.length > 0) throw new Error(`the proxy logged errors:\n${complaints.slice(0, 20).join('\n')}`)
  } finally {
    await storage?.close()
    await stack.close()
  }
}

const show = ({ rssMiB, descriptors, threads }: Vitals): string =>
  `${Math.round(rssMiB)} MiB, ${Math.round(descriptors)} descriptors, ${Math.round(threads)} threads`

const random = new Random(Number(values.seed))
const machine = `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
console.log(`${new Date().toISOString().slice(0, 10)}, ${machine}, seed ${random.seed}`)
try {
  for (const version of [15, 18] as const) {
    if (!values.postgres.split(',').includes(String(version))) continue
    await (values.transfers
      ? watchTransfers(version, Number(values.rows ?? ROWS))
      : soak(version, Number(values.minutes) * 30_000, random))
  }
  console.log('All invariants hold.')
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
