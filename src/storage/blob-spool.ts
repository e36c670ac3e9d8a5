import { write } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { cannotWrite, createFile, removeName } from '../formats/parquet/private-files.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from './blob-client.ts'

/** Where copies of blobs are put that cannot be read from front to back, and how large they may be. */
export interface SpoolOptions {
  /** Default: the system's folder for temporary files. */
  readonly tempDir?: string
  /** 0 for no limit. */
  readonly spoolLimitBytes?: number
  /** The process ID of who waits for it. */
  readonly backendPid?: number | undefined
}

/** A copy of a blob, gone when it is closed. */
export interface SpooledBlob {
  readonly path: string
  close(): Promise<void>
}

const MEBIBYTE = 1024 * 1024
const DEFAULT_SPOOL_LIMIT_BYTES = 32 * 1024 * MEBIBYTE
const PART_BYTES = 8 * MEBIBYTE
const PARALLEL_PARTS = 4
/** Larger than a chunk from the network: writes are trips to another thread. */
const WRITE_BYTES = MEBIBYTE
const WHAT = 'temporary copy of the blob'

const writeFile = promisify(write)

/** Downloads one version of a blob, several parts at a time. @throws PgError */
export async function spoolBlob(
  blob: Blob,
  { tempDir = tmpdir(), spoolLimitBytes = DEFAULT_SPOOL_LIMIT_BYTES }: SpoolOptions,
  signal: AbortSignal,
): Promise<SpooledBlob> {
  const { path, handle } = await createFile(tempDir, WHAT)
  const close = (): Promise<void> => {
    removeName(path)
    return handle.close()
  }
  try {
    await copy(blob, handle.fd, spoolLimitBytes, signal)
  } catch (error) {
    await close()
    throw error
  }
  return { path, close }
}

/** Returns, and fails, when nobody writes to the file any more. */
async function copy(blob: Blob, fd: number, limitBytes: number, callerSignal: AbortSignal): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([callerSignal, failed.signal])
  const first = await blob.download({ signal, range: { offset: 0, length: PART_BYTES } })
  const { etag, blobSize } = first
  if (limitBytes > 0 && blobSize > limitBytes) {
    first.body.destroy()
    throw tooLarge(blobSize, limitBytes)
  }
  let next = first.size
  const work = async (download?: { readonly body: Readable }): Promise<void> => {
    if (download) await writeAt(fd, download.body, 0)
    while (next < blobSize) {
      const offset = next
      next += PART_BYTES
      const length = Math.min(PART_BYTES, blobSize - offset)
      const { body } = await blob.download({ signal, range: { offset, length, etag } })
      await writeAt(fd, body, offset)
    }
  }
  const workers = [work(first)]
  while (workers.length < PARALLEL_PARTS) workers.push(work())
  try {
    await Promise.all(workers)
  } catch (error) {
    failed.abort(error)
    // The number of the file must not be another's while somebody still writes to it.
    await Promise.allSettled(workers)
    throw error
  }
}

async function writeAt(fd: number, body: Readable, position: number): Promise<void> {
  let at = position
  let gathered: Buffer[] = []
  let length = 0
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(gathered, length)
    gathered = []
    length = 0
    let written = 0
    while (written < bytes.length) {
      const part = await writeFile(fd, bytes, written, bytes.length - written, at).catch(error => {
        throw cannotWrite(error, WHAT)
      })
      written += part.bytesWritten
      at += part.bytesWritten
    }
  }
  for await (const chunk of body as AsyncIterable<Buffer>) {
    gathered.push(chunk)
    length += chunk.length
    if (length >= WRITE_BYTES) await flush()
  }
  await flush()
}

function tooLarge(bytes: number, limit: number): PgError {
  return new PgError({
    message: 'azure_storage: the blob is too large for a temporary copy',
    code: SQLSTATE.configurationLimitExceeded,
    detail: `It has ${bytes} bytes, the limit is ${limit}.`,
    hint: 'Raise the limit of the proxy with --parquet-spool-limit.',
  })
}
