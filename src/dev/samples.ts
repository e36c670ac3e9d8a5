import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { writeParquet } from '../formats/parquet/write-parquet.ts'
import type { StorageAccount } from './azurite.ts'

/** The account that the samples are in, with the key that all Azurites share by default: it guards nothing. */
export const SAMPLE_ACCOUNT: StorageAccount = {
  name: 'pgquickstart',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
}
const CONTAINER = 'samples'
const PUBLIC_DATA = [
  'zipcodes.csv',
  'birdstrikes.csv',
  'airports.csv',
  'unemployment.tsv',
  'earthquakes.json',
  'flights-3m.parquet',
]
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  json: 'application/json',
  gz: 'application/gzip',
  parquet: 'application/vnd.apache.parquet',
}

/** Puts into the container `samples` what is missing there; a blob that the user changed stays as it is. */
export async function uploadSamples(endpoint: string, account: StorageAccount): Promise<void> {
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account.name, account.key))
  const container = service.getContainerClient(CONTAINER)
  await container.createIfNotExists()
  const present = new Set<string>()
  for await (const blob of container.listBlobsFlat()) present.add(blob.name)
  for (const [name, content] of samples()) {
    if (present.has(name)) continue
    const bytes = await content()
    await container.getBlockBlobClient(name).uploadData(bytes, { blobHTTPHeaders: headersOf(name) })
  }
}

export function headersOf(blob: string): { blobContentType: string } {
  return { blobContentType: CONTENT_TYPES[blob.split('.').at(-1) ?? ''] ?? 'application/octet-stream' }
}

function samples(): Map<string, () => Promise<Buffer>> {
  let made: Promise<Buffer> | undefined
  const parquet = (): Promise<Buffer> => (made ??= sampleParquet())
  return new Map([
    ['storage_extension_sample.csv', async () => sampleCsv()],
    ['storage_extension_sample.csv.gz', async () => gzipSync(sampleCsv())],
    ['csv_without_extension', async () => sampleCsv()],
    ['storage_extension_sample.parquet', parquet],
    ['parquet_without_extension', parquet],
    ...publicSamples(),
  ])
}

/** Of a package that is large and that no installation but a clone has. */
function publicSamples(): [string, () => Promise<Buffer>][] {
  let data: string
  try {
    data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data')
  } catch {
    return []
  }
  const published = (name: string) => () => readFile(join(data, name))
  return [
    ...PUBLIC_DATA.map((name): [string, () => Promise<Buffer>] => [name, published(name)]),
    ['zipcodes.csv.gz', async () => gzipSync(await published('zipcodes.csv')())],
  ]
}

const ROWS = 1000
const WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'haven', 'inlet', 'juniper']
const FIRST_TIMESTAMP = Date.UTC(2024, 0, 1)
const STEP_MS = 3_661_000

/** The same bytes every time: a header and 1,000 rows, `sample_integer` running through 0–999 in a scattered order. */
export function sampleCsv(): Buffer {
  const lines = ['id,sample_text,sample_integer,sample_timestamp']
  for (let id = 1; id <= ROWS; id++) {
    // 389 has no factor in common with 1000, so every value comes once.
    const integer = (id * 389) % ROWS
    const text = `${WORDS[id % 10]} ${WORDS[integer % 7]}`
    const timestamp = new Date(FIRST_TIMESTAMP + id * STEP_MS).toISOString().slice(0, 19).replace('T', ' ')
    lines.push(`${id},${text},${integer},${timestamp}`)
  }
  return Buffer.from(`${lines.join('\n')}\n`)
}

const SAMPLE_TYPES = { id: 'int8', sample_text: 'text', sample_integer: 'int4', sample_timestamp: 'timestamp' }

/** The same rows. */
export function sampleParquet(): Promise<Buffer> {
  const columns = Object.entries(SAMPLE_TYPES).map(
    ([name, type]): ParquetColumn => ({ name, shape: { kind: 'scalar', type } }),
  )
  const [, ...rows] = sampleCsv().toString().replaceAll(',', '\t').split(/^/m)
  return buffer(writeParquet(columns, 'snappy').end(rows.join('')))
}
