import { join } from 'node:path'
import { ContainerSASPermissions } from '@azure/storage-blob'
import { type BenchStack, psqlCommand, shell, sql } from './bench-stack.ts'
import { type Pair, seconds } from './measure.ts'

const HOUR_MS = 3_600_000
const TYPES =
  "{'id': 'BIGINT', 'user_id': 'INT', 'kind': 'VARCHAR', 'payload': 'VARCHAR', 'amount': 'DECIMAL(12,2)', 'at': 'TIMESTAMPTZ'}"

/**
 * What people do without Blobgres: a copy through a client of PostgreSQL's, with the blob fetched or sent by curl or by
 * Azure's SDK, and Parquet turned into csv and back by DuckDB.
 */
export async function peerLines(stack: BenchStack): Promise<Pair[]> {
  const { directPort, proxyPort, dir } = stack
  const peer = await peerProgram(stack)
  const psql = psqlCommand(directPort)
  const file = join(dir, 'peer.parquet')
  await sql(proxyPort, `COPY ev TO '${stack.url('peer.parquet')}'`)

  const imported = async (work: () => Promise<unknown>): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(work)
  }
  const into = `${psql} -c 'COPY target FROM STDIN CSV'`
  const outOf = `${psql} -c 'COPY ev TO STDOUT CSV'`
  const imports = (blob: string, against: string, command: string): Pair => ({
    name: `import ${blob}`,
    against,
    unit: 's',
    ours: () => imported(() => sql(proxyPort, `COPY target FROM '${stack.url(blob)}'`)),
    theirs: () => imported(() => shell(command)),
  })
  const exports = (blob: string, against: string, command: string): Pair => ({
    name: `export ${blob}`,
    against,
    unit: 's',
    ours: () => seconds(() => sql(proxyPort, `COPY ev TO '${stack.url(blob)}'`)),
    theirs: () => seconds(() => shell(command)),
  })
  const fetchCsv = `curl -sf ${stack.httpUrl('ev.csv')}`
  const fetchGzip = `curl -sf ${stack.httpUrl('ev.csv.gz')}`
  const fetchParquet = `curl -sf -o ${file} ${stack.httpUrl('peer.parquet')}`
  return [
    imports('ev.csv', 'curl | psql', `${fetchCsv} | ${into}`),
    imports('ev.csv', "the SDK's download | psql", `${peer} download ev.csv | ${into}`),
    imports('ev.csv', 'psql \\copy of a local file', `${psql} -c "\\copy target FROM '${join(dir, 'ev.csv')}' CSV"`),
    imports('ev.csv.gz', 'curl | gunzip | psql', `${fetchGzip} | gunzip | ${into}`),
    imports('peer.parquet', 'curl, then DuckDB to csv | psql', `${fetchParquet} && ${peer} csv-of ${file} | ${into}`),
    exports('sent.csv', "psql | the SDK's upload", `${outOf} | ${peer} upload sent.csv`),
    exports('sent.csv', 'psql \\copy to a local file', `${psql} -c "\\copy ev TO '${join(dir, 'sent.csv')}' CSV"`),
    exports(
      'sent.parquet',
      "psql | DuckDB from csv, then the SDK's upload",
      `${outOf} | ${peer} parquet-of ${file} "${TYPES}" && ${peer} upload sent.parquet < ${file}`,
    ),
  ]
}

/** The command of peer.mjs, without its arguments. */
export async function peerProgram({ container }: BenchStack): Promise<string> {
  const permissions = ContainerSASPermissions.parse('racwd')
  const url = await container.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + HOUR_MS) })
  return `BENCH_CONTAINER='${url}' node ${join(import.meta.dirname, 'peer.mjs')}`
}
