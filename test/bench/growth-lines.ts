import type { BenchStack } from './bench-stack.ts'
import { IMPORT_CSV, JOBS, type Job, prepareJobs, runJob } from './jobs.ts'
import type { Pair } from './measure.ts'

const ROWS = [1, 10, 100]
const COLUMNS = [1, 50, 500]
const SESSIONS = [1, 8, 32]
/** Of the rows, what tables of many columns have, and what each of many sessions imports. */
const COLUMNS_SHARE = 1 / 200
const SESSIONS_SHARE = 1 / 20

/** More work by steps, each against the one before: a ratio above 1 is a cost that grows faster than the work. */
export async function growthLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  return [
    ...(await rowLines(stack, rows)),
    ...(await columnLines(stack, Math.ceil(rows * COLUMNS_SHARE))),
    ...(await sessionLines(stack, Math.ceil(rows * SESSIONS_SHARE))),
  ]
}

async function rowLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  const counts = ROWS.map(factor => Math.ceil((rows * factor) / 100))
  for (const count of counts) await prepareJobs(stack, `rows_${count}`, `SELECT * FROM ev LIMIT ${count}`)
  const perRow = async (job: Job, count: number): Promise<number> =>
    ((await runJob(stack, job, `rows_${count}`)) / count) * 1e6
  return JOBS.flatMap(job => steps(job.name, 'rows', 'µs a row', counts, count => perRow(job, count)))
}

async function columnLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  for (const count of COLUMNS) {
    // Half of them texts, half numbers.
    const columns = Array.from({ length: count }, (_, i) => {
      const number = `(g * 7 + ${i}) % 9973`
      return `${i % 2 === 0 ? `'v' || ${number}` : number} AS c${i}`
    })
    await prepareJobs(stack, `columns_${count}`, `SELECT ${columns} FROM generate_series(1, ${rows}) g`)
  }
  const perValue = async (job: Job, count: number): Promise<number> =>
    ((await runJob(stack, job, `columns_${count}`)) / (rows * count)) * 1e6
  return JOBS.flatMap(job => steps(job.name, 'columns', 'µs a value', COLUMNS, count => perValue(job, count)))
}

async function sessionLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  await prepareJobs(stack, 'shared', `SELECT * FROM ev LIMIT ${rows}`, Math.max(...SESSIONS))
  return steps(
    IMPORT_CSV.name,
    'at a time',
    's each',
    SESSIONS,
    async count => (await runJob(stack, IMPORT_CSV, 'shared', count)) / count,
  )
}

function steps(
  name: string,
  what: string,
  unit: string,
  counts: readonly number[],
  cost: (count: number) => Promise<number>,
): Pair[] {
  return counts.slice(1).map((count, i) => {
    const before = counts[i] as number
    return {
      name: `${name}, ${count} ${what}`,
      against: `${before} ${what}`,
      unit,
      ours: () => cost(count),
      theirs: () => cost(before),
    }
  })
}
