import { renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { cannotWrite, createFile, type PrivateFile, removeName } from '../formats/parquet/private-files.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from './blob-client.ts'
import type { BlobDownload } from './blob-download.ts'
import { RangeDownloads } from './range-downloads.ts'

/** Where copies of blobs are put that cannot be read from front to back, and how large such a blob may be. */
export interface SpoolOptions {
  /** Default: the system's folder for temporary files. */
  readonly tempDir?: string
  /** 0 for no limit. */
  readonly spoolLimitBytes?: number
  /** The process ID of who waits for it. */
  readonly backendPid?: number | undefined
}

/** How many bytes of the blob's end tell what is where in it, to look at its last ones; undefined: they do not tell. */
export type EndBytes = (last: Buffer, blobSize: number) => number | undefined

const MEBIBYTE = 1024 * 1024
const DEFAULT_SPOOL_LIMIT_BYTES = 32 * 1024 * MEBIBYTE
const LAST_BYTES = MEBIBYTE / 4
/** Of the part that is read and of those on their way, of which there is always one. */
const PARTS_BYTES = 32 * MEBIBYTE
const WHAT = 'temporary copy of the blob'

interface Part {
  readonly bytes: number
  /** Settles when all of it is there. */
  readonly file: Promise<PrivateFile>
}

/**
 * One version of a blob that is read from its end, and then part by part: the next parts are downloaded while one is read,
 * and each is in a file as long as that. Bytes are where they are in the blob.
 */
export class BlobParts {
  /** Of the file that has the blob's end; then, of the one that has the part. */
  readonly path: string
  readonly #downloads: RangeDownloads
  readonly #tempDir: string
  readonly #files = new Set<PrivateFile>()
  readonly #first: PrivateFile
  readonly #begin: Promise<void>
  readonly #beginBytes: number
  /** What came with the end, and where that begins: it is not asked for again. */
  #end = { from: 0, bytes: Buffer.alloc(0) }
  #ends: readonly number[] = []
  #started = 0
  #coming: Part[] = []
  #current: Part | undefined

  private constructor(first: PrivateFile, downloads: RangeDownloads, begin: BlobDownload, tempDir: string) {
    this.path = first.path
    this.#first = first
    this.#files.add(first)
    this.#downloads = downloads
    this.#tempDir = tempDir
    this.#begin = downloads.put(begin.body, first.handle.fd)
    this.#beginBytes = begin.size
  }

  /** Returns when the blob's end is there. @throws PgError, or the signal's reason */
  static async open(
    blob: Blob,
    { tempDir = tmpdir(), spoolLimitBytes: limit = DEFAULT_SPOOL_LIMIT_BYTES }: SpoolOptions,
    signal: AbortSignal,
    endBytes: EndBytes,
  ): Promise<BlobParts> {
    const file = await createFile(tempDir, WHAT)
    const downloads = new RangeDownloads(blob, signal, error => cannotWrite(error, WHAT))
    try {
      const begin = await downloads.open()
      const { blobSize } = begin
      if (limit > 0 && blobSize > limit) {
        begin.body.destroy()
        throw tooLarge(blobSize, limit)
      }
      const parts = new BlobParts(file, downloads, begin, tempDir)
      await parts.#fetchEnd(blobSize, endBytes)
      return parts
    } catch (error) {
      await downloads.stop()
      await dispose(file)
      throw error
    }
  }

  /** Tells where the parts end, each of which begins where the one before ends. */
  cut(ends: readonly number[]): void {
    this.#ends = ends
    this.#startMore()
  }

  /** Waits until the next part is there, in place of the one before. False: there is none. @throws PgError */
  async next(): Promise<boolean> {
    await this.#leave()
    const part = this.#coming.shift()
    if (part === undefined) return false
    this.#current = part
    this.#startMore()
    const { path } = await part.file
    if (path !== this.path) renameSync(path, this.path)
    return true
  }

  /** Nothing is under way, or left, when this resolves. */
  async close(): Promise<void> {
    await this.#downloads.stop()
    await Promise.allSettled([this.#current, ...this.#coming].map(part => part?.file))
    for (const file of this.#files) await dispose(file)
    removeName(this.path)
  }

  async #fetchEnd(blobSize: number, endBytes: EndBytes): Promise<void> {
    const { fd } = this.#first.handle
    const from = Math.max(this.#beginBytes, blobSize - LAST_BYTES)
    await this.#downloads.fill(fd, from, blobSize)
    const bytes = Buffer.alloc(blobSize - from)
    if (bytes.length > 0) await this.#first.handle.read(bytes, 0, bytes.length, from)
    this.#end = { from, bytes }
    if (bytes.length < LAST_BYTES) return this.#begin
    const wanted = blobSize - (endBytes(bytes, blobSize) ?? blobSize)
    if (wanted < this.#beginBytes) await this.#begin
    if (wanted > 0) await this.#downloads.fill(fd, Math.max(this.#beginBytes, wanted), from)
  }

  #startMore(): void {
    let bytes = [this.#current, ...this.#coming].reduce((sum, part) => sum + (part?.bytes ?? 0), 0)
    for (;;) {
      const end = this.#ends[this.#started]
      if (end === undefined) return
      const from = this.#ends[this.#started - 1] ?? 0
      bytes += end - from
      if (this.#coming.length > 0 && bytes > PARTS_BYTES) return
      const file = this.#started++ === 0 ? this.#completeFirst(end) : this.#fetch(from, end)
      file.catch(() => {}) // who wants the part is told
      this.#coming.push({ bytes: end - from, file })
    }
  }

  async #completeFirst(end: number): Promise<PrivateFile> {
    const known = Math.min(end, this.#end.from)
    await Promise.all([this.#begin, this.#downloads.fill(this.#first.handle.fd, this.#beginBytes, known)])
    return this.#first
  }

  async #fetch(from: number, end: number): Promise<PrivateFile> {
    const file = await createFile(this.#tempDir, WHAT)
    this.#files.add(file)
    const known = Math.min(end, this.#end.from)
    await this.#downloads.fill(file.handle.fd, from, known)
    const at = Math.max(from, this.#end.from)
    const rest = this.#end.bytes.subarray(at - this.#end.from, Math.max(0, end - this.#end.from))
    if (rest.length > 0) {
      await file.handle.write(rest, 0, rest.length, at).catch(error => {
        throw cannotWrite(error, WHAT)
      })
    }
    return file
  }

  async #leave(): Promise<void> {
    const file = await this.#current?.file
    this.#current = undefined
    if (file === undefined) return
    this.#files.delete(file)
    removeName(this.path)
    await file.handle.close()
  }
}

async function dispose({ path, handle }: PrivateFile): Promise<void> {
  removeName(path)
  await handle.close()
}

function tooLarge(bytes: number, limit: number): PgError {
  return new PgError({
    message: 'azure_storage: the blob is too large for a temporary copy',
    code: SQLSTATE.configurationLimitExceeded,
    detail: `It has ${bytes} bytes, the limit is ${limit}.`,
    hint: 'Raise the limit of the proxy with --parquet-spool-limit.',
  })
}
