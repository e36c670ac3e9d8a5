import { writev } from 'node:fs'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { Blob } from './blob-client.ts'
import type { BlobDownload } from './blob-download.ts'

const MEBIBYTE = 1024 * 1024
const RANGE_BYTES = 8 * MEBIBYTE
const MOST_REQUESTS = 4
/** Larger than a chunk from the network: writes are trips to another thread. */
const WRITE_BYTES = MEBIBYTE

const writeAll = promisify(writev)

/**
 * Ranges of one version of a blob, on their way into files at the places where they are in the blob: some at a time, in the
 * order in which they were asked for. With the first that fails, all do.
 */
export class RangeDownloads {
  readonly #blob: Blob
  readonly #failed = new AbortController()
  readonly #signal: AbortSignal
  readonly #cannotWrite: (error: unknown) => Error
  readonly #running = new Set<Promise<void>>()
  #waiting: (() => void)[] = []
  #requests = 0
  #etag = ''

  constructor(blob: Blob, signal: AbortSignal, cannotWrite: (error: unknown) => Error) {
    this.#blob = blob
    this.#signal = AbortSignal.any([signal, this.#failed.signal])
    this.#cannotWrite = cannotWrite
  }

  /** The blob's begin, whose version is that of all that follows. */
  async open(length = RANGE_BYTES): Promise<BlobDownload> {
    const download = await this.#blob.download({ signal: this.#signal, range: { offset: 0, length } })
    this.#etag = download.etag
    return download
  }

  /** What was asked for already. */
  put(body: Readable, fd: number): Promise<void> {
    return this.#inTurn(() => this.#write(body, fd, 0))
  }

  /** The bytes of the blob from one offset to another. */
  async fill(fd: number, from: number, to: number): Promise<void> {
    const ranges: Promise<void>[] = []
    for (let offset = from; offset < to; offset += RANGE_BYTES) {
      const length = Math.min(RANGE_BYTES, to - offset)
      ranges.push(
        this.#inTurn(async () => {
          const range = { offset, length, etag: this.#etag }
          const { body } = await this.#blob.download({ signal: this.#signal, range })
          await this.#write(body, fd, offset)
        }),
      )
    }
    await Promise.all(ranges)
  }

  /** Resolves when nobody writes to a file any more: its number must not be another's before. */
  async stop(): Promise<void> {
    this.#failed.abort()
    await Promise.allSettled(this.#running)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const run = this.#run(work)
    this.#running.add(run)
    run.catch(() => {}).finally(() => this.#running.delete(run))
    return run
  }

  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#requests < MOST_REQUESTS) this.#requests++
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      this.#signal.throwIfAborted()
      await work()
    } catch (error) {
      this.#failed.abort(error)
      throw error
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#requests--
    }
  }

  async #write(body: Readable, fd: number, position: number): Promise<void> {
    let at = position
    let gathered: Buffer[] = []
    let length = 0
    const flush = async (): Promise<void> => {
      while (length > 0) {
        const { bytesWritten } = await writeAll(fd, gathered, at).catch(error => {
          throw this.#cannotWrite(error)
        })
        at += bytesWritten
        length -= bytesWritten
        gathered = length > 0 ? [Buffer.concat(gathered).subarray(bytesWritten)] : []
      }
    }
    for await (const chunk of body as AsyncIterable<Buffer>) {
      gathered.push(chunk)
      length += chunk.length
      if (length >= WRITE_BYTES) await flush()
    }
    await flush()
  }
}
