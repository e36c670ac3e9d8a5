import { randomBytes } from 'node:crypto'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** The requests an upload is made of. Each fails with an error the client may see. */
export interface BlockStore {
  putBlob(contents: Buffer, signal: AbortSignal): Promise<void>
  stageBlock(id: string, contents: Buffer, signal: AbortSignal): Promise<void>
  commitBlocks(ids: string[], signal: AbortSignal): Promise<void>
}

export interface UploadOptions {
  readonly signal: AbortSignal
  readonly maxBlockBytes: number
  /** Told how many bytes have been appended. */
  readonly onBytes?: (bytes: number) => void
}

const MEBIBYTE = 1024 * 1024
const FIRST_BUFFER_BYTES = 64 * 1024
const FIRST_BLOCK_BYTES = 8 * MEBIBYTE
// https://learn.microsoft.com/azure/storage/blobs/scalability-targets
const MAX_BLOCKS = 50_000
const BLOCKS_OF_ONE_SIZE = 10_000
const MAX_REQUESTS = 2
/** Blocks of one upload in memory: on their way, waiting, and being filled. */
const BLOCKS_HELD = MAX_REQUESTS + 2
/** What the blocks of all uploads take together, as long as they are not so many that the smallest blocks take more. */
const SHARED_BYTES = 256 * MEBIBYTE
const SMALLEST_BLOCK_BYTES = MEBIBYTE

/** Of this process. */
let uploadsUnderWay = 0

/**
 * A blob being written. `append` is for a hot loop: it copies, and full blocks travel in the background.
 * Nothing is visible, and what the blob held before stays, until `commit` succeeds.
 */
export class BlobUpload {
  /** Resolves with the reason when the upload fails before its commit, so that the producer can stop early. */
  readonly failed: Promise<Error>
  readonly #store: BlockStore
  readonly #maxBlockBytes: number
  readonly #callerSignal: AbortSignal
  readonly #onBytes: UploadOptions['onBytes']
  readonly #requests = new AbortController()
  /** Blocks of two uploads to one blob must not get mixed up. */
  readonly #idPrefix = randomBytes(8).toString('hex')
  readonly #blockIds: string[] = []
  readonly #queue: { readonly id: string; readonly buffer: Buffer; readonly length: number }[] = []
  readonly #freeBuffers: Buffer[] = []
  #current: Buffer = Buffer.alloc(0)
  #used = 0
  /** Of the current block. */
  #blockBytes = 0
  #requestCount = 0
  #waiting: (() => void)[] = []
  #failure: Error | undefined
  #finished = false
  #reportFailure!: (reason: Error) => void

  constructor(store: BlockStore, { signal, maxBlockBytes, onBytes }: UploadOptions) {
    this.#store = store
    this.#maxBlockBytes = maxBlockBytes
    this.#callerSignal = signal
    this.#onBytes = onBytes
    uploadsUnderWay++
    this.failed = new Promise(resolve => {
      this.#reportFailure = resolve
    })
    if (signal.aborted) this.#callerAborted()
    else signal.addEventListener('abort', this.#callerAborted, { once: true })
  }

  /** Takes bytes `start` to `end` of `source`, and is done with it. False: wait for `drained` before the next call. */
  append(source: Buffer, start: number, end: number): boolean {
    this.#throwIfFailed()
    let position = start
    while (position < end) {
      this.#makeRoom(end - position)
      const copied = source.copy(this.#current, this.#used, position, end)
      this.#used += copied
      position += copied
      if (this.#used === this.#blockBytes) this.#enqueueBlock()
    }
    this.#onBytes?.(end - start)
    return this.#queue.length === 0
  }

  /** Waits until the next `append` would not pile up memory. */
  async drained(): Promise<void> {
    await this.#until(() => this.#queue.length === 0)
  }

  /** Makes what was appended the blob's contents. Cancelled while it runs, it may or may not have happened. */
  async commit(): Promise<void> {
    this.#throwIfFailed()
    try {
      if (this.#blockIds.length === 0) {
        await this.#store.putBlob(this.#current.subarray(0, this.#used), this.#requests.signal)
      } else {
        if (this.#used > 0) this.#enqueueBlock()
        await this.#until(() => this.#queue.length === 0 && this.#requestCount === 0)
        await this.#store.commitBlocks(this.#blockIds, this.#requests.signal)
      }
    } catch (error) {
      this.#fail(error as Error)
      throw this.#failure
    }
    this.#finish()
  }

  /** Cancels everything unless the upload is over already. */
  abort(): void {
    this.#fail(new DOMException('The upload was aborted', 'AbortError'))
  }

  /** The first block's buffer grows, for most blobs are small; the others have their full size at once. */
  #makeRoom(wanted: number): void {
    if (this.#used === 0) this.#blockBytes = blockBytes(this.#blockIds.length, this.#maxBlockBytes, uploadsUnderWay)
    const limit = this.#blockBytes
    if (this.#current.length === limit || this.#used + wanted <= this.#current.length) return
    if (this.#blockIds.length > 0) {
      const free = this.#freeBuffers.pop()
      this.#current = free?.length === limit ? free : Buffer.allocUnsafeSlow(limit)
      return
    }
    const bytes = Math.min(limit, Math.max(FIRST_BUFFER_BYTES, this.#current.length * 2, this.#used + wanted))
    const grown = Buffer.allocUnsafeSlow(bytes)
    this.#current.copy(grown, 0, 0, this.#used)
    this.#current = grown
  }

  #enqueueBlock(): void {
    if (this.#blockIds.length === MAX_BLOCKS) {
      this.#fail(tooManyBlocks(this.#maxBlockBytes))
      this.#throwIfFailed()
    }
    // The service wants identifiers of equal length.
    const id = Buffer.from(`${this.#idPrefix}-${String(this.#blockIds.length).padStart(5, '0')}`).toString('base64')
    this.#blockIds.push(id)
    this.#queue.push({ id, buffer: this.#current, length: this.#used })
    this.#current = Buffer.alloc(0)
    this.#used = 0
    this.#sendBlocks()
  }

  #sendBlocks(): void {
    while (this.#requestCount < MAX_REQUESTS && this.#failure === undefined) {
      const block = this.#queue.shift()
      if (block === undefined) break
      this.#requestCount++
      this.#store.stageBlock(block.id, block.buffer.subarray(0, block.length), this.#requests.signal).then(
        () => this.#blockStaged(block.buffer),
        error => this.#fail(error),
      )
    }
    this.#wake()
  }

  #blockStaged(buffer: Buffer): void {
    this.#requestCount--
    if (buffer.length === this.#blockBytes) this.#freeBuffers.push(buffer)
    this.#sendBlocks()
  }

  async #until(done: () => boolean): Promise<void> {
    this.#throwIfFailed()
    while (!done()) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
      this.#throwIfFailed()
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  readonly #callerAborted = (): void => this.#fail(this.#callerSignal.reason)

  #fail(reason: Error): void {
    if (this.#finished) return
    this.#failure = reason
    this.#finish()
    this.#requests.abort(reason)
    this.#reportFailure(reason)
  }

  /** A commit that succeeds although it was aborted comes here again. */
  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    uploadsUnderWay--
    this.#callerSignal.removeEventListener('abort', this.#callerAborted)
    this.#queue.length = 0
    this.#freeBuffers.length = 0
    this.#current = Buffer.alloc(0)
    this.#used = 0
    this.#wake()
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#finished) throw new Error('the upload is over')
  }
}

/** Appends everything that comes, at the pace of the upload. */
export async function drainInto(source: AsyncIterable<Buffer>, upload: BlobUpload): Promise<void> {
  for await (const chunk of source) {
    if (!upload.append(chunk, 0, chunk.length)) await upload.drained()
  }
}

/**
 * Small blocks need little memory, the more so where there are many uploads; that they grow in the end makes room for terabytes
 * all the same.
 */
export function blockBytes(index: number, maxBlockBytes: number, uploads: number): number {
  const share = 2 ** Math.floor(Math.log2(SHARED_BYTES / BLOCKS_HELD / uploads))
  const growth = Math.floor(index / BLOCKS_OF_ONE_SIZE)
  const wanted = growth > 0 ? FIRST_BLOCK_BYTES * 2 ** growth : Math.min(FIRST_BLOCK_BYTES, share)
  return Math.min(Math.max(wanted, SMALLEST_BLOCK_BYTES), maxBlockBytes)
}

function tooManyBlocks(maxBlockBytes: number): PgError {
  return new PgError({
    message: `azure_storage: the blob would need more than ${MAX_BLOCKS} blocks`,
    code: SQLSTATE.programLimitExceeded,
    detail: `A block has at most ${Math.floor(maxBlockBytes / MEBIBYTE)} MiB.`,
    hint: 'Write several blobs.',
  })
}
