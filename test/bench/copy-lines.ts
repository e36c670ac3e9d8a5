import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { type BenchStack, peakRss, psqlCommand, registerAccount, shell, sql } from './bench-stack.ts'
import { compare, type Line, seconds } from './measure.ts'

const BIG_IMPORT_BYTES = 2 * 1024 ** 3
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

export async function copyLines(stack: BenchStack, rounds: number): Promise<Line[]> {
  const { directPort, proxyPort, dir } = stack
  const file = join(dir, 'ev.csv')
  const timed = async (port: number, text: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(port, text))
  }
  const piped = async (command: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => shell(`${command} | ${psqlCommand(directPort)} -c 'COPY target FROM STDIN CSV'`))
  }
  const fromServer = (): Promise<number> => timed(directPort, `COPY target FROM '${file}' CSV`)
  const fromBlob = (name: string): Promise<number> => timed(proxyPort, `COPY target FROM '${stack.url(name)}'`)
  const curl = `curl -sf ${stack.httpUrl('ev.csv')}`
  const curlGzip = `curl -sf ${stack.httpUrl('ev.csv.gz')} | gunzip`
  return [
    await compare('import csv', 'server-side COPY FROM', 's', rounds, () => fromBlob('ev.csv'), fromServer),
    await compare(
      'import csv',
      'curl | psql',
      's',
      rounds,
      () => fromBlob('ev.csv'),
      () => piped(curl),
    ),
    await compare(
      'import csv.gz',
      'server-side COPY FROM of the csv',
      's',
      rounds,
      () => fromBlob('ev.csv.gz'),
      fromServer,
    ),
    await compare(
      'import csv.gz',
      'curl | gunzip | psql',
      's',
      rounds,
      () => fromBlob('ev.csv.gz'),
      () => piped(curlGzip),
    ),
    await compare(
      'export csv',
      'server-side COPY TO a file',
      's',
      rounds,
      () => seconds(() => sql(proxyPort, `COPY ev TO '${stack.url('out.csv')}'`)),
      () => seconds(() => sql(directPort, `COPY ev TO '${join(dir, 'out.csv')}' CSV`)),
    ),
  ]
}

/** Peak memory of the proxy after a 200 MB import and after a 2 GB one: "ratio" is the larger by the smaller. */
export async function memoryLine(stack: BenchStack): Promise<Line> {
  const { directPort, proxyPort, proxyPid, container, dir } = stack
  await sql(directPort, 'TRUNCATE target')
  await sql(proxyPort, `COPY target FROM '${stack.url('ev.csv')}'`)
  const small = await peakRss(proxyPid)
  const big = container.getBlockBlobClient('big.csv')
  const ids: string[] = []
  const file = join(dir, 'ev.csv')
  const size = Number(await shell(`stat -c %s ${file}`))
  for (let bytes = 0; bytes < BIG_IMPORT_BYTES; bytes += size) {
    const id = Buffer.from(String(ids.length).padStart(6, '0')).toString('base64')
    await big.stageBlock(id, () => createReadStream(file), size)
    ids.push(id)
  }
  await big.commitBlockList(ids)
  await sql(directPort, 'TRUNCATE target')
  await sql(proxyPort, `COPY target FROM '${stack.url('big.csv')}'`)
  const large = await peakRss(proxyPid)
  await sql(directPort, 'TRUNCATE target')
  return {
    name: 'peak RSS, 2 GB import',
    against: 'after a 200 MB import',
    unit: 'MiB',
    ours: large,
    theirs: small,
    ratio: large / small,
    rounds: 1,
  }
}
