import type { Readable, Transform } from 'node:stream'
import type { ResolvedFormat } from '../formats/format.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { streamCompression } from '../formats/stream-compressions.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { SpoolOptions } from '../storage/blob-spool.ts'
import { parquetRows } from './parquet-rows.ts'

export interface ReadOptions {
  readonly format: ResolvedFormat
  /** Those that the rows are for; only Parquet needs them. */
  readonly columns: readonly ParquetColumn[]
  readonly spool: SpoolOptions
  readonly signal: AbortSignal
}

/**
 * A blob's bytes without compression, and the rows of Parquet in COPY's text format, in UTF-8; then through `stages`.
 * Leaving the loop early closes everything. @throws PgError
 */
export async function* readBlob(
  blob: Blob,
  { format: { format, compression }, columns, spool, signal }: ReadOptions,
  ...stages: readonly Transform[]
): AsyncGenerator<Buffer> {
  if (format === 'parquet') {
    yield* parquetRows(blob, columns, spool, signal)
    return
  }
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
