import { join } from 'node:path'
import { type BenchStack, sql } from './bench-stack.ts'
import { type Pair, seconds } from './measure.ts'

/** COPY of a Parquet blob against the server's own COPY of the same rows as csv; the rows go through two engines. */
export async function parquetLines(stack: BenchStack): Promise<Pair[]> {
  const { directPort, proxyPort, dir } = stack
  const file = join(dir, 'ev.csv')
  const timed = async (port: number, text: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(port, text))
  }
  await sql(proxyPort, `COPY ev TO '${stack.url('ev.parquet')}'`)
  return [
    {
      name: 'import parquet',
      against: 'server-side COPY FROM of the csv',
      unit: 's',
      ours: () => timed(proxyPort, `COPY target FROM '${stack.url('ev.parquet')}'`),
      theirs: () => timed(directPort, `COPY target FROM '${file}' CSV`),
    },
    {
      name: 'export parquet',
      against: 'server-side COPY TO a csv file',
      unit: 's',
      ours: () => seconds(() => sql(proxyPort, `COPY ev TO '${stack.url('out.parquet')}'`)),
      theirs: () => seconds(() => sql(directPort, `COPY ev TO '${join(dir, 'out.csv')}' CSV`)),
    },
  ]
}
