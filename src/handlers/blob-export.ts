import type { Duplex } from 'node:stream'
import { decodeCopyText } from '../formats/copy-text.ts'
import type { ResolvedFormat } from '../formats/format.ts'
import { compressGzip } from '../formats/gzip.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { writeParquet } from '../formats/parquet/write-parquet.ts'
import { asPgError, type PgError, queryCanceled } from '../protocol/pg-error.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { SpoolOptions } from '../storage/blob-spool.ts'
import { type BlobUpload, drainInto } from '../storage/blob-upload.ts'
import { ConnectionLost, type Wire } from './wire.ts'

export interface ExportOptions {
  readonly format: ResolvedFormat
  /** Those of the COPY, for Parquet. */
  readonly columns: readonly ParquetColumn[]
  readonly spool: SpoolOptions
  readonly maxBlockBytes: number
  /** The session's statement_timeout, 0 for none: a backend that waits for us to take its rows does not act on it. */
  readonly timeoutMs: number
}

/**
 * Takes the rows of a COPY TO STDOUT into an upload. `commit` makes the blob visible; until then a failure (in
 * `failure`) drops what still comes and has the backend's statement cancelled, and `stop` leaves nothing behind.
 */
export class BlobExport {
  failure: PgError | undefined
  readonly #wire: Wire
  readonly #abort = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  #upload: BlobUpload | undefined
  #stages: Duplex[] = []
  #staged: Promise<void> | undefined
  #cancelling: Promise<void> | undefined
  readonly #stopped = new Promise<void>(resolve => {
    this.#abort.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  #waiting = false

  constructor(wire: Wire, openBlob: () => Blob, { format, columns, spool, maxBlockBytes, timeoutMs }: ExportOptions) {
    this.#wire = wire
    wire.onCancel(() => this.#fail(queryCanceled('user request')))
    if (timeoutMs > 0) {
      this.#timer = setTimeout(() => this.#fail(queryCanceled('statement timeout')), timeoutMs).unref()
    }
    try {
      const signal = AbortSignal.any([this.#abort.signal, wire.signal])
      const upload = openBlob().upload({ signal, maxBlockBytes })
      this.#upload = upload
      upload.failed.then(error => this.#fail(error))
      if (format.format === 'text') this.#stages.push(decodeCopyText())
      if (format.format === 'parquet') this.#stages.push(writeParquet(columns, format.compression, spool))
      else if (format.compression === 'gzip') this.#stages.push(compressGzip())
      if (this.#stages.length === 0) this.#takeDirectly(upload)
      else this.#takeThroughStages(upload)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** All rows have come. @throws PgError when the blob was not committed; the backend has been told then. */
  async commit(): Promise<void> {
    let committed = false
    try {
      if (this.failure === undefined) {
        this.#stages[0]?.end()
        await this.#staged
      }
      if (this.failure === undefined) {
        await this.#upload?.commit()
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
    this.#upload?.abort()
    for (const stage of this.#stages) stage.destroy()
    this.#release()
    await this.#staged?.catch(() => {})
    await this.#cancelling
  }

  #takeDirectly(upload: BlobUpload): void {
    this.#takeRows(
      rows => upload.append(rows, 0, rows.length),
      () => upload.drained(),
    )
  }

  #takeThroughStages(upload: BlobUpload): void {
    const first = this.#stages[0] as Duplex
    let last = first
    for (const stage of this.#stages.slice(1)) last = last.pipe(stage)
    this.#staged = drainInto(last, upload)
    this.#staged.catch(error => this.#fail(error))
    this.#takeRows(
      rows => first.write(Buffer.from(rows)),
      () =>
        new Promise<void>(resolve => {
          const done = (): void => {
            first.off('drain', done).off('close', done)
            resolve()
          }
          first.on('drain', done).on('close', done)
        }),
    )
  }

  /** `take` says whether there is room for more, `room` resolves when there is. */
  #takeRows(take: (rows: Buffer) => boolean, room: () => Promise<unknown>): void {
    this.#wire.setCopyDataSink(rows => {
      try {
        if (this.failure !== undefined || take(rows) || this.#waiting) return
        this.#waiting = true
        this.#wire.pauseBackend()
        // A failure in the meantime lets the backend go on as well: it must get to where it is cancelled.
        Promise.race([room(), this.#stopped])
          .catch(error => this.#fail(error))
          .finally(() => {
            this.#waiting = false
            this.#wire.resumeBackend()
          })
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  #fail(error: unknown): void {
    if (this.failure !== undefined || this.#abort.signal.aborted) return
    this.#wire.setCopyDataSink(() => {})
    this.#abort.abort()
    this.#upload?.abort()
    for (const stage of this.#stages) stage.destroy()
    this.failure = asPgError(error)
    // Also where the client has asked for it: its request may have come to the backend before there was something to cancel.
    if (!(error instanceof ConnectionLost)) this.#cancelling = this.#wire.cancelBackend()
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#wire.onCancel(undefined)
  }
}
