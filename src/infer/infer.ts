import type { Compression } from '../formats/format.ts'
import { describeParquet } from '../formats/parquet/describe-parquet.ts'
import { footerBytes } from '../formats/parquet/source-file.ts'
import { MemoryBudget } from '../memory-budget.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from '../storage/blob-client.ts'
import { BlobParts, type SpoolOptions } from '../storage/blob-parts.ts'
import { readBlob } from '../transfer/read-blob.ts'
import { type InferredDocument, inferDocument, isJsonLines } from './document.ts'
import { encodingOf } from './encoding.ts'
import { parquetColumns } from './parquet-columns.ts'
import { type InferredColumn, type Sample, takeSample } from './sample.ts'
import { type InferredTable, inferTable } from './table.ts'

export interface InferredParquet {
  readonly kind: 'parquet'
  readonly columns: readonly InferredColumn[]
}

export interface Inference {
  readonly found: InferredTable | InferredDocument | InferredParquet
  readonly compression: Compression
  /** How much of it was read, without compression; undefined: all that counts. */
  readonly sampledBytes: number | undefined
  /** Its beginning, without compression; of Parquet, a few bytes. */
  readonly sample: Sample
}

export interface InferOptions extends SpoolOptions {
  /** All of the file is read. */
  readonly full?: boolean
  readonly header?: boolean
  readonly sampleBytes?: number
  readonly signal?: AbortSignal
}

export const SAMPLE_BYTES = 10 * 1024 * 1024
const PARQUET = 'PAR1'
const BINARY = 'PGCOPY\n\xff\r\n\0'
const GZIP = '\x1f\x8b'

/** What table a file can be loaded into. `name` is that of the file. @throws PgError */
export async function infer(blob: Blob, name: string, options: InferOptions = {}): Promise<Inference> {
  const { full = false, sampleBytes = SAMPLE_BYTES, header, signal = new AbortController().signal, ...spool } = options
  const contents = (compression: Compression): AsyncGenerator<Buffer> =>
    readBlob(blob, {
      format: { format: 'text', compression },
      columns: [],
      spool,
      memory: new MemoryBudget({}),
      signal,
    })
  const opening = await takeSample(contents('none'), BINARY.length)
  const start = opening.bytes.toString('latin1')
  if (start.startsWith(PARQUET)) {
    const file = await BlobParts.open(blob, spool, signal, footerBytes)
    try {
      const columns = parquetColumns(await describeParquet(file.path, signal, spool.tempDir))
      return { found: { kind: 'parquet', columns }, compression: 'none', sampledBytes: undefined, sample: opening }
    } finally {
      await file.close()
    }
  }
  const compression = start.startsWith(GZIP) ? 'gzip' : 'none'
  const sample = await takeSample(contents(compression), sampleBytes)
  if (sample.bytes.toString('latin1', 0, BINARY.length) === BINARY) throw binary()
  const found = await inferText(sample, name.toLowerCase(), header, full ? () => contents(compression) : undefined)
  return { found, compression, sampledBytes: sample.isWhole || full ? undefined : sample.bytes.length, sample }
}

async function inferText(
  sample: Sample,
  name: string,
  header: boolean | undefined,
  readAll: (() => AsyncIterable<Buffer>) | undefined,
): Promise<InferredTable | InferredDocument> {
  const { bytes, isWhole } = sample
  const encoding = encodingOf(bytes, isWhole)
  const table = { ...(header !== undefined && { header }), ...(readAll && { readAll }) }
  const ending = /\.(\w+)(?:\.gz)?$/.exec(name)?.[1]
  if (ending === 'xml') return inferDocument(sample, encoding, 'xml', readAll)
  const isJson = ending === 'json' || /^\s*[{[]/.test(bytes.toString('latin1', 0, 1000))
  if (isJson && ending !== 'csv' && ending !== 'tsv') {
    const lines = isJsonLines(bytes)
    // Whole, two values one behind the other are none.
    if (lines) return inferTable(sample, encoding, { ...table, asLines: true })
    const document = await inferDocument(sample, encoding, 'json', readAll)
    if (document.type !== 'text' || ending === 'json') return document
  }
  return inferTable(sample, encoding, table)
}

const binary = (): PgError =>
  new PgError({
    message: "the file is in PostgreSQL's binary format, which does not tell its columns' types",
    code: SQLSTATE.featureNotSupported,
    hint: 'Load it into a table like the one that it was written from, with FORMAT binary.',
  })
