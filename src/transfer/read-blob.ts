import type { Readable, Transform } from 'node:stream'
import type { ResolvedFormat } from '../formats/format.ts'
import { decodeJsonLines } from '../formats/jsonl/json-lines.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { streamCompression } from '../formats/stream-compressions.ts'
import type { MemoryBudget } from '../memory-budget.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { SpoolOptions } from '../storage/blob-parts.ts'
import { parquetRows } from './parquet-rows.ts'

export interface ReadOptions {
  readonly format: ResolvedFormat
  /** Those that the rows are for; only Parquet and JSON Lines need them. */
  readonly columns: readonly ParquetColumn[]
  /** They have the names of a Parquet file's columns. */
  readonly isMatched?: boolean | undefined
  readonly spool: SpoolOptions
  readonly memory: MemoryBudget
  readonly signal: AbortSignal
}

/**
 * A blob's bytes without compression, and the rows of Parquet and JSON Lines in COPY's text format, in UTF-8; then through
 * `stages`. Leaving the loop early closes everything. @throws PgError
 */
export function readBlob(blob: Blob, options: ReadOptions, ...stages: readonly Transform[]): AsyncGenerator<Buffer> {
  const { format, columns, memory, signal } = options
  if (format.format === 'parquet') return parquetRows(blob, options)
  const bytes = readBytes(blob, format, signal, stages)
  return format.format === 'jsonl' ? decodeJsonLines(bytes, columns, memory, signal) : bytes
}

async function* readBytes(
  blob: Blob,
  { compression }: ResolvedFormat,
  signal: AbortSignal,
  stages: readonly Transform[],
): AsyncGenerator<Buffer> {
  const { body } = await blob.download({ signal })
  const all = [...streamCompression(compression).decompress(), ...stages]
  let last: Readable = body
  for (const stage of all) {
    last.on('error', error => stage.destroy(error))
    last = last.pipe(stage)
  }
  try {
    yield* last as AsyncIterable<Buffer>
  } finally {
    for (const stream of [body, ...all]) stream.destroy()
  }
}
