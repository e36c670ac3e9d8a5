/**
 * npm run bench: each line is the ratio of two things measured side by side in this run, as medians of paired rounds.
 *   npm run bench -- [--only copy,functions,encodings,parquet,relay,peers,growth,memory,watching,stacks,package] [--rows 2000000] [--rounds 5]
 *     [--postgres 15|18] [--compare commit] [--json bench-results.json]
 * All but package, which needs npm's registry, unless told which.
 * With --compare each round has the same with the proxy of another commit too, beside a server and a storage of its own.
 */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type BenchStack, ROOT, startBenchStack } from './bench-stack.ts'
import { buildCommit } from './built-commit.ts'
import { copyLines, prepareTables } from './copy-lines.ts'
import { encodingLines } from './encoding-lines.ts'
import { functionLines } from './function-lines.ts'
import { growthLines } from './growth-lines.ts'
import { type Line, measure, type Pair } from './measure.ts'
import { memoryLines } from './memory-lines.ts'
import { packageLines } from './package-lines.ts'
import { parquetLines } from './parquet-lines.ts'
import { peerLines } from './peer-lines.ts'
import type { ProcessorTime } from './processor-time.ts'
import { relayLines } from './relay-lines.ts'
import { type StartBlobgres, stackLines } from './stack-lines.ts'
import { table } from './table.ts'
import { watchingLines } from './watching-lines.ts'

type Group = (stack: BenchStack, rows: number) => Promise<Pair[]>

/** Lines about a server that they share; what they need is made when they are asked for. */
const GROUPS: Readonly<Record<string, Group>> = {
  copy: copyLines,
  functions: functionLines,
  encodings: encodingLines,
  parquet: parquetLines,
  relay: relayLines,
  peers: peerLines,
  growth: growthLines,
  memory: memoryLines,
  watching: watchingLines,
}
/** Those whose lines tell how much processor time they take, too, where /proc says it. */
const WITH_PROCESSOR_TIME = process.platform === 'linux' ? ['copy', 'functions', 'parquet'] : []
const UNASKED = [...Object.keys(GROUPS), 'stacks']
const ALL = [...UNASKED, 'package']

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: UNASKED.join() },
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '5' },
    postgres: { type: 'string', default: '18' },
    compare: { type: 'string' },
    json: { type: 'string', default: 'bench-results.json' },
  },
})
const rounds = Number(values.rounds)
const rows = Number(values.rows)
const wanted = values.only.split(',')
const unknown = wanted.filter(each => !ALL.includes(each))
if (unknown.length > 0) throw new Error(`there is no ${unknown}: --only takes ${ALL}`)
const version = values.postgres === '15' ? 15 : 18

const old = values.compare === undefined ? undefined : await buildCommit(values.compare)
const lines: Line[] = []
try {
  const groups = Object.entries(GROUPS).filter(([name]) => wanted.includes(name))
  if (groups.length > 0) await measureGroups(groups)
  if (wanted.includes('stacks')) {
    const library = async (root: string): Promise<Pair[]> => stackLines(await startBlobgresOf(root))
    await measureAll(await library(ROOT), old && (await ifItCan(() => library(old.root))))
  }
  if (wanted.includes('package')) await measureAll(packageLines(), undefined)
} finally {
  await old?.remove()
}
const date = new Date().toISOString()
const machine = { postgres: version, node: process.version, cpus: cpus().length, date, ...(old && { old: old.name }) }
await writeFile(values.json, `${JSON.stringify({ machine, lines }, undefined, 2)}\n`)
console.log(table(lines, old?.name))

async function measureGroups(groups: readonly [string, Group][]): Promise<void> {
  const stacks: BenchStack[] = []
  try {
    for (const root of [ROOT, ...(old ? [old.root] : [])]) {
      const stack = await startBenchStack(version, { root })
      stacks.push(stack)
      await prepareTables(stack, rows)
    }
    const [ours, older] = stacks as [BenchStack, BenchStack?]
    for (const [name, group] of groups) {
      const processorTime = WITH_PROCESSOR_TIME.includes(name) ? () => ours.processorTime() : undefined
      const olds = older && (await ifItCan(() => group(older, rows)))
      await measureAll(await group(ours, rows), olds, processorTime)
    }
  } finally {
    await Promise.all(stacks.map(stack => stack.close()))
  }
}

async function measureAll(
  pairs: readonly Pair[],
  olds: readonly Pair[] | undefined,
  processorTime?: () => ProcessorTime,
): Promise<void> {
  for (const pair of pairs) {
    const same = olds?.find(({ name, against }) => name === pair.name && against === pair.against)
    // Tried before: what the older one cannot do is left out.
    const canDo = same && (await ifItCan(() => same.ours())) !== undefined
    const line = await measure(pair, { rounds, old: canDo ? () => same.ours() : undefined, processorTime })
    console.error(`${line.name} / ${line.against}: ${line.ratio.toFixed(2)}`) // all of it takes a long time
    lines.push(line)
  }
}

/** An older proxy may not have all that is measured. */
async function ifItCan<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    console.error(`The older one cannot: ${(error as Error).message}`)
    return undefined
  }
}

async function startBlobgresOf(root: string): Promise<StartBlobgres> {
  return (await import(pathToFileURL(join(root, 'dist/index.js')).href)).startBlobgres
}
