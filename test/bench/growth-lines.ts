import type { BenchStack } from './bench-stack.ts'
import { IMPORT_CSV, JOBS, type Job, prepareJobs, runJob } from './jobs.ts'
import type { Pair } from './measure.ts'

const ROWS = [1, 10, 100]
const COLUMNS = [1, 50, 500]
const SESSIONS = [1, 8, 32]
/** Of the rows, what each of many sessions imports. */
const SHARE = 1 / 20

/** More work by steps, each against the one before: a ratio above 1 is a cost that grows faster than the work. */
export async function growthLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  return [...(await rowLines(stack, rows)), ...(await columnLines(stack, rows)), ...(await sessionLines(stack, rows))]
}

async function rowLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  const counts = ROWS.map(factor => Math.ceil((rows / 100) * factor))
  for (const count of counts) await prepareJobs(stack, `rows_${count}`, `SELECT * FROM ev LIMIT ${count}`)
  const perRow = async (job: Job, count: number): Promise<number> =>
    ((await runJob(stack, job, `rows_${count}`)) / count) * 1e6
  return JOBS.flatMap(job => steps(job.name, 'rows', 'µs a row', counts, count => perRow(job, count)))
}

/** As many values in all, in more and more columns. */
async function columnLines(stack: BenchStack, values: number): Promise<Pair[]> {
  for (const count of COLUMNS) {
    // Half of them texts, half numbers.
    const columns = Array.from({ length: count }, (_, i) =>
      i % 2 === 0 ? `'v' || (g * 7 + ${i}) % 9973 AS c${i}` : `(g * 7 + ${i}) % 9973 AS c${i}`,
    )
    const query = `SELECT ${columns} FROM generate_series(1, ${Math.ceil(values / count)}) g`
    await prepareJobs(stack, `columns_${count}`, query)
  }
  const perValue = async (job: Job, count: number): Promise<number> =>
    ((await runJob(stack, job, `columns_${count}`)) / (Math.ceil(values / count) * count)) * 1e6
  return JOBS.flatMap(job => steps(job.name, 'columns', 'µs a value', COLUMNS, count => perValue(job, count)))
}

async function sessionLines(stack: BenchStack, rows: number): Promise<Pair[]> {
  const query = `SELECT * FROM ev LIMIT ${Math.ceil(rows * SHARE)}`
  await prepareJobs(stack, 'shared', query, Math.max(...SESSIONS))
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
