import { finished, Readable } from 'node:stream'
import { bulkTurns } from '../bulk-turns.ts'
import type { RequestGuard } from './request-guard.ts'

/** Bytes of a blob, to its end or that of a range; they may break off. */
export interface BlobRange {
  /** How many bytes it is to be. */
  readonly size: number
  readonly etag: string
  readonly body: Readable
}

export interface BlobDownload extends BlobRange {
  readonly blobSize: number
}

/** Requests the blob's bytes from `offset` on, and only of the version with that ETag. */
export type RangeRequest = (offset: number, etag: string) => Promise<BlobRange>

export type OnBytes = (bytes: number) => void

const MAX_RESUMES_WITHOUT_PROGRESS = 3

/**
 * A blob's contents, resumed where a connection broke off.
 * The SDK's own resuming mistakes a connection closed by the peer for an abort by the caller.
 */
export class ResumingDownload extends Readable {
  readonly #size: number
  readonly #etag: string
  readonly #request: RangeRequest
  readonly #guard: RequestGuard
  readonly #connectionLost: () => Error
  readonly #onBytes: OnBytes | undefined
  #source: Readable
  #offset = 0
  #isFull = false
  #waitsForTurn = false
  #resumesWithoutProgress = 0

  constructor(
    first: BlobRange,
    request: RangeRequest,
    guard: RequestGuard,
    connectionLost: () => Error,
    onBytes?: OnBytes,
  ) {
    super()
    this.#size = first.size
    this.#etag = first.etag
    this.#request = request
    this.#guard = guard
    this.#connectionLost = connectionLost
    this.#onBytes = onBytes
    this.#source = first.body
    if (guard.signal.aborted) this.#onAbort()
    else guard.signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#attach(first.body)
  }

  override _read(): void {
    this.#isFull = false
    if (!this.#waitsForTurn) this.#goOn()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#guard.signal.removeEventListener('abort', this.#onAbort)
    this.#guard.release()
    this.#source.destroy()
    callback(error)
  }

  #attach(source: Readable): void {
    this.#source = source
    source.on('data', this.#onData)
    finished(source, () => this.#sourceEnded())
    source.pause()
  }

  readonly #onAbort = (): void => {
    this.destroy(this.#guard.signal.reason)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#offset += chunk.length
    this.#onBytes?.(chunk.length)
    this.#resumesWithoutProgress = 0
    this.#isFull = !this.push(chunk)
    this.#waitsForTurn ||= !bulkTurns.mayGoOn(this.#haveTurn)
    if (!this.#isFull && !this.#waitsForTurn) {
      this.#guard.expectProgress()
      return
    }
    this.#guard.pause()
    this.#source.pause()
  }

  readonly #haveTurn = (): void => {
    this.#waitsForTurn = false
    if (!this.#isFull && !this.destroyed) this.#goOn()
  }

  #goOn(): void {
    this.#guard.expectProgress()
    this.#source.resume()
  }

  async #sourceEnded(): Promise<void> {
    if (this.destroyed) return
    if (this.#offset >= this.#size) {
      this.#guard.pause()
      this.push(null)
      return
    }
    if (this.#resumesWithoutProgress++ === MAX_RESUMES_WITHOUT_PROGRESS) {
      this.destroy(this.#connectionLost())
      return
    }
    try {
      this.#guard.expectProgress()
      const { body } = await this.#request(this.#offset, this.#etag)
      if (this.destroyed) body.destroy()
      else {
        this.#attach(body)
        body.resume()
      }
    } catch (requestError) {
      this.destroy(requestError as Error)
    }
  }
}
