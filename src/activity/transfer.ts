import type { Compression, Format } from '../formats/format.ts'
import { asPgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from '../storage/blob-client.ts'
import { LineEstimate } from './line-estimate.ts'
import type { ToldErrors } from './told-errors.ts'

/** What a transfer is, for all who show it. Nothing in it is secret. */
export interface TransferFacts {
  /** The session's number in this proxy's log; none where it did not come through this proxy. */
  readonly session: number | undefined
  /** Its backend's process ID. */
  readonly pid: number
  readonly user: string
  readonly database: string
  readonly account: string
  readonly container: string
  readonly path: string
  readonly direction: 'import' | 'export'
  readonly format: Format
  readonly compression: Compression
  /** `copy in a function` is a COPY that the server runs, without the proxy seeing it there. */
  readonly statement: 'copy' | 'blob_get' | 'blob_put' | 'copy in a function'
}

/** Parquet is spooled: an import's blob before its first row, an export's rows before its first byte. */
export type TransferState = 'spooling' | 'running' | 'committing'
const OUTCOMES = ['done', 'failed', 'cancelled'] as const
export type Outcome = (typeof OUTCOMES)[number]

export const isOutcome = (word: string | undefined): boolean => OUTCOMES.some(each => each === word)

export interface TransferEnd {
  readonly at: Date
  readonly outcome: Outcome
  /** None where the statement has ended for a reason that only its backend knows. */
  readonly sqlstate: string | undefined
}

interface Mark {
  readonly at: number
  readonly bytes: number
}

/** How fast it is, is said of the last one to two of these. */
const RATE_MS = 1000

/** One blob on its way, and how far it is. */
export class Transfer {
  readonly id: number
  readonly facts: TransferFacts
  readonly since = new Date()
  readonly #start: Mark = { at: performance.now(), bytes: 0 }
  readonly #onEnd: (transfer: Transfer) => void
  readonly #errors: ToldErrors | undefined
  readonly #lines = new LineEstimate()
  /** Of the blob, as it is stored. */
  #bytes = 0
  #totalBytes: number | undefined
  #bytesOfAll: number | undefined
  #rows: number | undefined
  #flows: boolean
  #isCommitting = false
  #isFailing = false
  #end: TransferEnd | undefined
  #endedAt = 0
  /** When there were how many bytes: a while ago, and lately. */
  #marks: readonly [Mark, Mark]

  /** `errors`: those of its session. */
  constructor(id: number, facts: TransferFacts, onEnd: (transfer: Transfer) => void, errors?: ToldErrors) {
    this.id = id
    this.facts = facts
    this.#onEnd = onEnd
    this.#errors = errors
    this.#flows = facts.format !== 'parquet'
    this.#marks = [this.#start, this.#start]
  }

  get state(): TransferState {
    if (this.#isCommitting) return 'committing'
    return this.#flows ? 'running' : 'spooling'
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many it will be, where that is known. */
  get totalBytes(): number | undefined {
    return this.#totalBytes
  }

  /** Those of a COPY are an estimate until its end, and of a binary one not known before. */
  get rows(): number | undefined {
    return this.#rows
  }

  get end(): TransferEnd | undefined {
    return this.#end
  }

  get ms(): number {
    return (this.#end ? this.#endedAt : performance.now()) - this.#start.at
  }

  /** Lately; where it has ended, all in all. */
  get bytesPerSecond(): number {
    const [from] = this.#marks
    const { at, bytes } = this.#end ? this.#start : from
    const ms = (this.#end ? this.#endedAt : performance.now()) - at
    return ms > 0 ? ((this.#bytes - bytes) * 1000) / ms : 0
  }

  /** Of several blobs. */
  willHave(bytes: number): void {
    this.#bytesOfAll = bytes
    this.#totalBytes = bytes
  }

  /** The blob, with what is read of it or written to it counted. */
  counting(blob: Blob): Blob {
    return {
      download: async options => {
        const download = await blob.download({ ...options, onBytes: this.#count })
        this.#totalBytes = this.#bytesOfAll ?? download.blobSize
        return download
      },
      upload: options => blob.upload({ ...options, onBytes: this.#count }),
    }
  }

  /** So many rows have come through, all in all. */
  rowsSoFar(rows: number): void {
    this.#rows = rows
    if (rows > 0) this.#rowsCame()
  }

  /** Rows have come through, of which nobody has counted how many. */
  sawRows(bytes: Buffer): void {
    if (this.facts.format !== 'binary') this.#rows = this.#lines.with(bytes)
    this.#rowsCame()
  }

  committing(): void {
    this.#isCommitting = true
  }

  /** `rows` where the server has counted them. */
  done(rows = this.#rows ?? 0): void {
    if (this.#isFailing) return
    this.#rows = rows
    this.#finish('done', undefined)
  }

  /**
   * Without an error, or with one that says no more than that it was aborted or a connection lost, the backend knows why, and tells its
   * client.
   */
  failed(error: unknown): void {
    const isAborted = error === undefined || (error instanceof DOMException && error.name === 'AbortError')
    const code = isAborted ? undefined : asPgError(error).code
    const isKnown = this.#errors === undefined || (!isAborted && code !== SQLSTATE.connectionFailure)
    if (isKnown) this.failedWith(code)
    else if (!this.#isFailing && !this.#end) {
      this.#isFailing = true
      this.#errors.since(this.#start.at, told => this.failedWith(told ?? code))
    }
  }

  failedWith(sqlstate: string | undefined): void {
    this.#finish(sqlstate === SQLSTATE.queryCanceled ? 'cancelled' : 'failed', sqlstate)
  }

  #rowsCame(): void {
    if (this.facts.direction === 'import') this.#flows = true
  }

  readonly #count = (bytes: number): void => {
    this.#bytes += bytes
    if (this.facts.direction === 'export') this.#flows = true
    const now = performance.now()
    const [, last] = this.#marks
    if (now - last.at > RATE_MS) this.#marks = [last, { at: now, bytes: this.#bytes }]
  }

  /** Whoever comes first knows why. */
  #finish(outcome: Outcome, sqlstate: string | undefined): void {
    if (this.#end) return
    this.#end = { at: new Date(), outcome, sqlstate }
    this.#endedAt = performance.now()
    this.#onEnd(this)
  }
}
