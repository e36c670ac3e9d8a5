import { join } from 'node:path'
import { type BenchStack, shell, sql } from './bench-stack.ts'
import { COLUMNS } from './copy-lines.ts'
import { type Pair, seconds } from './measure.ts'
import { peerProgram } from './peer-lines.ts'

/** blob_get() and blob_put() against the server's own COPY of the same rows, and what a COPY takes longer elsewhere. */
export async function functionLines(stack: BenchStack): Promise<Pair[]> {
  const { directPort, proxyPort, dir, account } = stack
  const rows = `azure_storage.blob_get('${account}', 'bench', 'ev.csv') AS t (${COLUMNS})`
  const timed = async (port: number, text: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(port, text))
  }
  const fromServer = (): Promise<number> => timed(directPort, `COPY target FROM '${join(dir, 'ev.csv')}' CSV`)
  const putting = `SELECT azure_storage.blob_put('${account}', 'bench', 'put.csv', ev) FROM ev`
  const putFile = join(dir, 'put.csv')
  const toServer = (): Promise<number> => timed(directPort, `COPY ev TO '${putFile}' CSV`)
  const peer = await peerProgram(stack)
  const toSlower = async (): Promise<number> => {
    const copied = await toServer()
    return Math.max(copied, await seconds(() => shell(`${peer} upload sdk.csv < ${putFile}`)))
  }
  const importing = `COPY target FROM '${stack.url('ev.csv')}'`
  const exporting = `COPY ev TO '${stack.url('out.csv')}'`
  const inside = (copy: string): string => `DO $do$ BEGIN ${copy}; END $do$`
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
      name: 'the same, blobgres.accelerate off',
      against: 'server-side COPY FROM',
      unit: 's',
      ours: () => timed(proxyPort, `SET blobgres.accelerate = off; INSERT INTO target SELECT * FROM ${rows}`),
      theirs: fromServer,
    },
    {
      name: 'blob_put(…) of a table',
      against: 'server-side COPY TO a file',
      unit: 's',
      ours: () => timed(proxyPort, putting),
      theirs: toServer,
    },
    {
      name: 'blob_put(…) of a table',
      against: "that or the SDK's upload of the file, the slower",
      unit: 's',
      ours: () => timed(proxyPort, putting),
      theirs: toSlower,
    },
    {
      name: 'blob_put(…) of a table, blobgres.accelerate = off',
      against: 'server-side COPY TO a file',
      unit: 's',
      ours: () => timed(proxyPort, `SET blobgres.accelerate = off; ${putting}`),
      theirs: toServer,
    },
    {
      name: 'import csv in a DO block',
      against: 'by itself',
      unit: 's',
      ours: () => timed(proxyPort, inside(importing)),
      theirs: () => timed(proxyPort, importing),
    },
    {
      name: 'export csv in a DO block',
      against: 'by itself',
      unit: 's',
      ours: () => timed(proxyPort, inside(exporting)),
      theirs: () => timed(proxyPort, exporting),
    },
    {
      name: 'import csv, ON_ERROR ignore',
      against: 'without',
      unit: 's',
      ours: () => timed(proxyPort, `SET blobgres.extras = on; ${importing} (ON_ERROR ignore)`),
      theirs: () => timed(proxyPort, importing),
    },
  ]
}
