import { join } from 'node:path'
import { type BenchStack, sql } from './bench-stack.ts'
import { COLUMNS } from './copy-lines.ts'
import { type Pair, seconds } from './measure.ts'

/** blob_get() and blob_put() against the server's own COPY of the same rows. */
export async function functionLines(stack: BenchStack): Promise<Pair[]> {
  const { directPort, proxyPort, dir, account } = stack
  const rows = `azure_storage.blob_get('${account}', 'bench', 'ev.csv') AS t (${COLUMNS})`
  const timed = async (port: number, text: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(port, text))
  }
  const fromServer = (): Promise<number> => timed(directPort, `COPY target FROM '${join(dir, 'ev.csv')}' CSV`)
  return [
    {
      name: 'SELECT count(*) FROM blob_get(…)',
      against: 'server-side COPY FROM',
      unit: 's',
      ours: () => timed(proxyPort, `SELECT count(*) FROM ${rows}`),
      theirs: fromServer,
    },
    {
      name: 'INSERT … SELECT * FROM blob_get(…)',
      against: 'server-side COPY FROM',
      unit: 's',
      ours: () => timed(proxyPort, `INSERT INTO target SELECT * FROM ${rows}`),
      theirs: fromServer,
    },
    {
      name: 'blob_put(…) of a table',
      against: 'server-side COPY TO a file',
      unit: 's',
      ours: () => timed(proxyPort, `SELECT azure_storage.blob_put('${account}', 'bench', 'put.csv', ev) FROM ev`),
      theirs: () => timed(directPort, `COPY ev TO '${join(dir, 'put.csv')}' CSV`),
    },
  ]
}
