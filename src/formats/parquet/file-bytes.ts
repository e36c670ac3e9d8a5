import { readSync } from 'node:fs'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/** Of a Parquet file; one that has fewer is invalid. @throws PgError */
export function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const count = readSync(fd, bytes, read, length - read, position + read)
    if (count === 0) throw invalid('It ends early.')
    read += count
  }
  return bytes
}

export const invalid = (detail: string): PgError =>
  new PgError({
    message: 'azure_storage: the blob is not a valid Parquet file',
    code: SQLSTATE.badCopyFileFormat,
    detail,
  })
