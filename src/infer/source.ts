import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from '../storage/blob-client.ts'

/** A local file, read as a blob is. */
export function fileBlob(path: string): Blob {
  return {
    async download({ range }) {
      const stats = await stat(path).catch(error => {
        throw unreadable(path, error)
      })
      if (!stats.isFile()) throw unreadable(path, { code: 'it is no file' })
      const start = Math.min(range?.offset ?? 0, stats.size)
      const size = Math.min(range?.length ?? stats.size, stats.size - start)
      const body = size === 0 ? Readable.from([]) : createReadStream(path, { start, end: start + size - 1 })
      body.on('error', () => {}) // whoever reads it sees it
      return { size, blobSize: stats.size, etag: '', body }
    },
    upload: () => {
      throw new Error('a local file is read alone')
    },
  }
}

const unreadable = (path: string, { code }: { readonly code?: string }): PgError =>
  new PgError({ message: `cannot read ${path} (${code})`, code: SQLSTATE.ioError })
