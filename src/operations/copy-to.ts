import type { Transform } from 'node:stream'
import { bulkTurns } from '../bulk-turns.ts'
import { decodeCopyText } from '../formats/copy-text.ts'
import type { Format } from '../formats/format.ts'
import { asPgError, type PgError, queryCanceled } from '../protocol/pg-error.ts'
import { ConnectionLost, type CopyOutWire } from '../session/wire.ts'
import type { Blob } from '../storage/blob-client.ts'
import { BlobWriter, type WriteOptions } from '../transfer/write-blob.ts'

/** From COPY's text format, where that is not what the blob is to hold. */
const STAGES: Partial<Record<Format, () => Transform[]>> = {
  text: () => [decodeCopyText()],
  jsonl: () => [decodeCopyText({ lines: true })],
}

export interface ExportOptions extends Omit<WriteOptions, 'signal'> {
  /** The session's statement_timeout, 0 for none: a backend that waits for us to take its rows does not act on it. */
  readonly timeoutMs: number
  /** Rows that have come already. */
  readonly first?: Buffer
  /** Shown what goes into the blob. */
  readonly onRows?: (bytes: Buffer) => void
}

/**
 * Takes the rows of a COPY TO STDOUT into a blob. `commit` makes the blob visible; until then a failure (in
 * `failure`) drops what still comes and has the backend's statement cancelled, and `stop` leaves nothing behind.
 */
export class BlobExport {
  failure: PgError | undefined
  readonly #wire: CopyOutWire
  readonly #abort = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  readonly #onRows: ExportOptions['onRows']
  #writer: BlobWriter | undefined
  #cancelling: Promise<void> | undefined
  readonly #stopped = new Promise<void>(resolve => {
    this.#abort.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  #waiting = false

  constructor(wire: CopyOutWire, openBlob: () => Blob, { timeoutMs, first, onRows, ...options }: ExportOptions) {
    this.#wire = wire
    this.#onRows = onRows
    wire.onCancel(() => this.#fail(queryCanceled('user request')))
    if (timeoutMs > 0) {
      this.#timer = setTimeout(() => this.#fail(queryCanceled('statement timeout')), timeoutMs).unref()
    }
    try {
      const signal = AbortSignal.any([this.#abort.signal, wire.signal])
      const stages = STAGES[options.format.format]?.() ?? []
      const writer = new BlobWriter(openBlob(), { ...options, signal }, ...stages)
      this.#writer = writer
      writer.failed.then(error => this.#fail(error))
      // Those that wait for it come at once.
      if (first) this.take(first)
      wire.setCopyDataSink(rows => this.take(rows))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Rows that come, as those of the COPY do by themselves. */
  take(rows: Buffer): void {
    const writer = this.#writer
    if (this.failure !== undefined || writer === undefined) return
    try {
      this.#onRows?.(rows)
      const isFull = !writer.write(rows)
      if (this.#waiting) return
      if (isFull) {
        // A failure in the meantime lets the backend go on as well: it must get to where it is cancelled.
        const drained = Promise.race([writer.drained(), this.#stopped])
        drained.catch(error => this.#fail(error)).finally(this.#goOn)
      } else if (bulkTurns.mayGoOn(this.#goOn)) return
      this.#waiting = true
      this.#wire.pauseBackend()
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #goOn = (): void => {
    if (!this.#waiting) return
    this.#waiting = false
    this.#wire.resumeBackend()
  }

  /** All rows have come. @throws PgError when the blob was not committed; the backend has been told then. */
  async commit(): Promise<void> {
    let committed = false
    try {
      if (this.failure === undefined) {
        await this.#writer?.commit()
        committed = true
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#release()
    await this.#cancelling
    if (this.failure !== undefined) throw this.failure
    if (!committed) throw new Error('the export was stopped')
  }

  /** The backend's statement has failed, or the session is over. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#release()
    await this.#writer?.stop()
    await this.#cancelling
  }

  #fail(error: unknown): void {
    if (this.failure !== undefined || this.#abort.signal.aborted) return
    this.#wire.setCopyDataSink(() => {})
    this.#abort.abort()
    this.#writer?.abort()
    this.failure = asPgError(error)
    // Also where the client has asked for it: its request may have come to the backend before there was something to cancel.
    if (!(error instanceof ConnectionLost)) this.#cancelling = this.#wire.cancelBackend()
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#wire.onCancel(undefined)
    this.#goOn()
  }
}
