import { Engine } from '../formats/parquet/engine.ts'
import { takePlace } from '../formats/parquet/engine-places.ts'
import { readParquet } from '../formats/parquet/read-parquet.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { footerBytes } from '../formats/parquet/source-file.ts'
import type { Blob } from '../storage/blob-client.ts'
import { BlobParts, type SpoolOptions } from '../storage/blob-parts.ts'

export interface ParquetReadOptions {
  readonly columns: readonly ParquetColumn[]
  readonly isMatched?: boolean | undefined
  readonly spool: SpoolOptions
  readonly signal: AbortSignal
}

/**
 * The rows of a Parquet blob in COPY's text format, in UTF-8. Its end tells what is where: that comes first, and then row
 * groups, while those before are read. @throws PgError
 */
export async function* parquetRows(
  blob: Blob,
  { columns, isMatched = false, spool, signal }: ParquetReadOptions,
): AsyncGenerator<Buffer> {
  // Before the copy: who waits is not to fill the disk meanwhile.
  const leavePlace = await takePlace(spool.backendPid, signal)
  try {
    Engine.prepare()
    const file = await BlobParts.open(blob, spool, signal, footerBytes)
    try {
      yield* readParquet(file, columns, signal, spool.tempDir, isMatched)
    } finally {
      await file.close()
    }
  } finally {
    leavePlace()
  }
}
