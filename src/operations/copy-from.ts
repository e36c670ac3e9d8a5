import { serialize } from 'pg-protocol'
import { encodeCopyText } from '../formats/copy-text.ts'
import { asPgError, type PgError, queryCanceled } from '../protocol/pg-error.ts'
import { ConnectionLost, type CopyInWire } from '../session/wire.ts'
import type { Blob } from '../storage/blob-client.ts'
import { type ReadOptions, readBlob } from '../transfer/read-blob.ts'

/** In the extended protocol the end of the COPY is told only after a Flush, and one sent before is ignored. */
const COPY_DONE = Buffer.concat([serialize.copyDone(), serialize.flush()])

/** While the storage stalls, the backend gets a piece of what was held back this often, and so many times. */
const DRIP_INTERVAL_MS = 500
const DRIPS = 120
const NEWLINE = 0x0a

export interface ImportOptions extends Omit<ReadOptions, 'signal'> {
  /** The session's statement_timeout, 0 for none: a backend that waits for rows does not act on it. */
  readonly timeoutMs: number
  /** Shown what comes out of the blob. */
  readonly onRows?: (bytes: Buffer) => void
}

/**
 * Feeds a blob into a COPY FROM STDIN that waits for its data. Ends with CopyDone, or with CopyFail and the reason in
 * `failure`; `stop` ends it early, when the backend has ended the COPY itself.
 *
 * The backend looks for pg_cancel_backend() only between two rows. So the last bytes that came are held back, and go
 * piece by piece to a backend that would see none for long.
 */
export class BlobImport {
  failure: PgError | undefined
  /** The backend has been sent rows: where it stands in them says something. */
  begun = false
  readonly #wire: CopyInWire
  readonly #abort = new AbortController()
  readonly #drip: NodeJS.Timeout
  readonly #timer: NodeJS.Timeout | undefined
  readonly #done: Promise<void>
  #heldBack: Buffer = Buffer.alloc(0)
  #dripBytes = 0
  #sentSinceDrip = false

  constructor(wire: CopyInWire, openBlob: () => Blob, options: ImportOptions) {
    const { timeoutMs } = options
    this.#wire = wire
    this.#drip = setInterval(() => {
      if (!this.#sentSinceDrip) this.#sendHeldBack(this.#dripBytes)
      this.#sentSinceDrip = false
    }, DRIP_INTERVAL_MS)
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#fail(queryCanceled('statement timeout')), timeoutMs)
    wire.onCancel(() => this.#fail(queryCanceled('user request')))
    this.#done = this.#run(openBlob, options)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#done
  }

  async #run(openBlob: () => Blob, options: ImportOptions): Promise<void> {
    const signal = AbortSignal.any([this.#abort.signal, this.#wire.signal])
    // PostgreSQL parses the rows.
    const stages = options.format.format === 'text' ? [encodeCopyText()] : []
    try {
      for await (const chunk of readBlob(openBlob(), { ...options, signal }, ...stages)) {
        if (signal.aborted) return
        options.onRows?.(chunk)
        this.#sentSinceDrip = true
        const more = this.#sendHeldBack()
        this.#heldBack = chunk
        this.#dripBytes = Math.ceil(chunk.length / DRIPS)
        if (!more) await this.#wire.drained()
      }
      if (signal.aborted) return
      this.#sendHeldBack()
      this.#wire.send(COPY_DONE)
    } catch (error) {
      if (signal.aborted || error instanceof ConnectionLost) return
      // What is wrong before comes first.
      this.#sendHeldBack()
      this.#fail(asPgError(error))
    } finally {
      clearInterval(this.#drip)
      clearTimeout(this.#timer)
      this.#wire.onCancel(undefined)
    }
  }

  /** Sends `length` bytes, and what is left of the line that they end in. */
  #sendHeldBack(length = this.#heldBack.length): boolean {
    if (this.#heldBack.length === 0) return true
    const newline = this.#heldBack.indexOf(NEWLINE, length - 1)
    const end = newline < 0 ? this.#heldBack.length : newline + 1
    const bytes = this.#heldBack.subarray(0, end)
    this.#heldBack = this.#heldBack.subarray(end)
    this.begun = true
    return this.#wire.sendCopyData(bytes)
  }

  #fail(failure: PgError): void {
    if (this.#abort.signal.aborted) return
    this.failure = failure
    this.#wire.send(serialize.copyFail(failure.message))
    this.#abort.abort()
  }
}
