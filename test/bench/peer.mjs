/**
 * What others would do in a process of their own: `node peer.mjs download|upload BLOB` with Azure's SDK, to standard output
 * and from standard input; `node peer.mjs csv-of|parquet-of FILE …` with DuckDB. BENCH_CONTAINER is a container's URL, with a SAS.
 */
import { pipeline } from 'node:stream/promises'
import { ContainerClient } from '@azure/storage-blob'
import { DuckDBInstance } from '@duckdb/node-api'

const BLOCK_BYTES = 8 * 1024 * 1024
const AT_A_TIME = 5

const [what, name, types] = process.argv.slice(2)
const blob = () => new ContainerClient(process.env.BENCH_CONTAINER).getBlockBlobClient(name)
const duckdb = async text => (await (await DuckDBInstance.create()).connect()).run(text)
const quoted = text => `'${text.replaceAll("'", "''")}'`

switch (what) {
  case 'download':
    await pipeline((await blob().download()).readableStreamBody, process.stdout)
    break
  case 'upload':
    await blob().uploadStream(process.stdin, BLOCK_BYTES, AT_A_TIME)
    break
  case 'csv-of':
    await duckdb(`COPY (FROM read_parquet(${quoted(name)})) TO '/dev/stdout' (FORMAT csv, HEADER false)`)
    break
  case 'parquet-of':
    await duckdb(
      `COPY (FROM read_csv('/dev/stdin', header = false, columns = ${types})) TO ${quoted(name)} (FORMAT parquet)`,
    )
    break
}
