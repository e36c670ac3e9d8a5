import { takePlace } from '../formats/parquet/engine-places.ts'
import { readParquet } from '../formats/parquet/read-parquet.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import type { Blob } from '../storage/blob-client.ts'
import { type SpoolOptions, spoolBlob } from '../storage/blob-spool.ts'

export interface ParquetReadOptions {
  readonly columns: readonly ParquetColumn[]
  readonly isMatched?: boolean | undefined
  readonly spool: SpoolOptions
  readonly signal: AbortSignal
}

/** The rows of a Parquet blob in COPY's text format, in UTF-8. Its end tells what is where: so it is copied first. @throws PgError */
export async function* parquetRows(
  blob: Blob,
  { columns, isMatched = false, spool, signal }: ParquetReadOptions,
): AsyncGenerator<Buffer> {
  // Before the copy: who waits is not to fill the disk meanwhile.
  const leavePlace = await takePlace(spool.backendPid, signal)
  try {
    const file = await spoolBlob(blob, spool, signal)
    try {
      yield* readParquet(file.path, columns, signal, spool.tempDir, isMatched)
    } finally {
      await file.close()
    }
  } finally {
    leavePlace()
  }
}
