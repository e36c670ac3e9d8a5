import type { Transform } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Large enough that the hop to zlib's thread and back is paid seldom. */
const CHUNK_BYTES = 256 * 1024

export function compressGzip(): Transform {
  return createGzip({ chunkSize: CHUNK_BYTES })
}

/** Decompresses all members of a gzip file. What is not gzip, or ends early, fails with a PgError. */
export function decompressGzip(): Transform {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  const destroy = gunzip._destroy.bind(gunzip)
  const flush = gunzip._flush.bind(gunzip)
  gunzip._destroy = (error, callback) => destroy(error, () => callback(error && toPgError(error)))
  // zlib takes no bytes at all for a complete file.
  gunzip._flush = callback => (gunzip.bytesWritten === 0 ? callback(truncated()) : flush(callback))
  return gunzip
}

function toPgError(error: Error & { code?: string }): Error {
  if (error.code === 'Z_BUF_ERROR') return truncated()
  if (error.code === 'Z_DATA_ERROR') return badFile('azure_storage: the blob is not valid gzip data', error.message)
  return error
}

function truncated(): PgError {
  return badFile('azure_storage: the blob is truncated', 'The gzip data ends early.')
}

function badFile(message: string, detail: string): PgError {
  return new PgError({ message, code: SQLSTATE.badCopyFileFormat, detail })
}
