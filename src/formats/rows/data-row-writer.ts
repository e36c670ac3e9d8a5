import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

const BUFFER_BYTES = 256 * 1024
/** PostgreSQL's MaxAllocSize: neither a line nor a value can be larger there. */
const MAX_RECORD_BYTES = 0x3fff_ffff

/**
 * DataRow messages being made in large buffers. A decoder's hot loop writes to `bytes` itself, from `position` on,
 * and keeps these fields true: [recordStart, position) is the row that has begun, all before is finished.
 */
export class DataRowWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  position = 0
  recordStart = 0
  #taken = 0
  #full: Buffer[] = []

  /** Makes sure that `room` bytes fit behind `position`; the row that has begun may move. */
  reserve(room: number): void {
    if (this.bytes.length - this.position >= room) return
    const begun = this.position - this.recordStart
    const needed = begun + room
    if (needed > MAX_RECORD_BYTES) throw tooLarge()
    const larger = Buffer.allocUnsafeSlow(
      needed <= BUFFER_BYTES ? BUFFER_BYTES : Math.min(2 * needed, MAX_RECORD_BYTES),
    )
    this.bytes.copy(larger, 0, this.recordStart, this.position)
    this.#sealFinished()
    this.bytes = larger
    this.position = begun
    this.recordStart = 0
    this.#taken = 0
  }

  /** The finished rows, for the caller to keep: whole messages in one or more buffers. */
  take(): Buffer[] {
    this.#sealFinished()
    const full = this.#full
    this.#full = []
    return full
  }

  #sealFinished(): void {
    if (this.recordStart > this.#taken) this.#full.push(this.bytes.subarray(this.#taken, this.recordStart))
    this.#taken = this.recordStart
  }
}

function tooLarge(): PgError {
  return new PgError({
    message: 'out of memory',
    code: SQLSTATE.programLimitExceeded,
    detail: `A row of the blob is larger than ${MAX_RECORD_BYTES} bytes.`,
  })
}
