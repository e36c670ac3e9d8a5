import { join } from 'node:path'
import { type BenchStack, registerAccount, shell, sql } from './bench-stack.ts'
import { type Pair, seconds } from './measure.ts'

export const COLUMNS = 'id bigint, user_id int, kind text, payload text, amount numeric(12,2), at timestamptz'

/** Tables `ev` (full) and `target` (empty), ev's rows as ev.csv and ev.csv.gz on disk and as blobs. */
export async function prepareTables(stack: BenchStack, rows: number): Promise<void> {
  const { directPort, proxyPort, container, dir } = stack
  await sql(proxyPort, 'CREATE EXTENSION azure_storage')
  await sql(proxyPort, registerAccount)
  await sql(directPort, `CREATE TABLE ev (${COLUMNS}); CREATE TABLE target (LIKE ev)`)
  await sql(
    directPort,
    `INSERT INTO ev SELECT g, g % 100000, (ARRAY['view', 'click', 'buy', 'refund'])[1 + g % 4],
       md5(g::text) || ' payload, quoted for its comma ' || g, (g % 1000000) / 100.0,
       timestamptz '2026-01-01' + g * interval '1 second'
     FROM generate_series(1, ${rows}) g`,
  )
  await sql(directPort, 'VACUUM ANALYZE ev')
  const file = join(dir, 'ev.csv')
  await sql(directPort, `COPY ev TO '${file}' WITH (FORMAT csv)`)
  await shell(`gzip -6 -k ${file}`)
  for (const name of ['ev.csv', 'ev.csv.gz']) {
    await container.getBlockBlobClient(name).uploadFile(join(dir, name))
  }
}

export async function copyLines(stack: BenchStack): Promise<Pair[]> {
  const { directPort, proxyPort, dir } = stack
  const file = join(dir, 'ev.csv')
  const timed = async (port: number, text: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(port, text))
  }
  const fromServer = (): Promise<number> => timed(directPort, `COPY target FROM '${file}' CSV`)
  return [
    {
      name: 'import csv',
      against: 'server-side COPY FROM',
      unit: 's',
      ours: () => timed(proxyPort, `COPY target FROM '${stack.url('ev.csv')}'`),
      theirs: fromServer,
    },
    {
      name: 'import csv.gz',
      against: 'server-side COPY FROM of the csv',
      unit: 's',
      ours: () => timed(proxyPort, `COPY target FROM '${stack.url('ev.csv.gz')}'`),
      theirs: fromServer,
    },
    {
      name: 'export csv',
      against: 'server-side COPY TO a file',
      unit: 's',
      ours: () => seconds(() => sql(proxyPort, `COPY ev TO '${stack.url('out.csv')}'`)),
      theirs: () => seconds(() => sql(directPort, `COPY ev TO '${join(dir, 'out.csv')}' CSV`)),
    },
  ]
}
