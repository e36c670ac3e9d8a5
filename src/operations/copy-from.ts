import { serialize } from 'pg-protocol'
import { asPgError, type PgError, queryCanceled } from '../protocol/pg-error.ts'
import { ConnectionLost, type CopyInWire } from '../session/wire.ts'

/** In the extended protocol the end of the COPY is told only after a Flush, and one sent before is ignored. */
const COPY_DONE = Buffer.concat([serialize.copyDone(), serialize.flush()])

/** While the storage stalls, the backend gets a piece of what was held back this often, and so many times. */
const DRIP_INTERVAL_MS = 500
const DRIPS = 120
const NEWLINE = 0x0a

export type ReadFiles = (signal: AbortSignal) => AsyncIterable<Buffer>

export interface ImportOptions {
  /** The session's statement_timeout, 0 for none: a backend that waits for rows does not act on it. */
  readonly timeoutMs: number
  /** Shown what is read. */
  readonly onRows?: (bytes: Buffer) => void
}

/**
 * Feeds what is read of blobs into a COPY FROM STDIN that waits for its data. Ends with CopyDone, or with CopyFail and the reason in
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

  constructor(wire: CopyInWire, read: ReadFiles, { timeoutMs, onRows }: ImportOptions) {
    this.#wire = wire
    this.#drip = setInterval(() => {
      if (!this.#sentSinceDrip) this.#sendHeldBack(this.#dripBytes)
      this.#sentSinceDrip = false
    }, DRIP_INTERVAL_MS)
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#fail(queryCanceled('statement timeout')), timeoutMs)
    wire.onCancel(() => this.#fail(queryCanceled('user request')))
    this.#done = this.#run(read, onRows)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#done
  }

  async #run(read: ReadFiles, onRows: ImportOptions['onRows']): Promise<void> {
    const signal = AbortSignal.any([this.#abort.signal, this.#wire.signal])
    try {
      for await (const chunk of read(signal)) {
        if (signal.aborted) return
        onRows?.(chunk)
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
