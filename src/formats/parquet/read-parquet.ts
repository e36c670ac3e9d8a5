import type { ParquetColumn } from './shape.ts'

/**
 * The rows of a Parquet file in COPY's text format, in UTF-8: row N is line N. Columns go by position.
 * `fd` is a regular file, and stays the caller's. @throws PgError
 */
export async function* readParquet(
  _fd: number,
  _columns: readonly ParquetColumn[],
  _signal: AbortSignal,
): AsyncGenerator<Buffer> {
  yield await Promise.reject(new Error('not yet'))
}
