import { rowTooLarge } from './row-errors.ts'

const BUFFER_BYTES = 256 * 1024
/** Of a row that has begun, before it counts as a large one: the buffer that it is in is not kept. */
const SMALL_BYTES = BUFFER_BYTES / 2
/** A row that needs more gets room for the largest at once: to move that many bytes, and more, would take too long. */
const MAX_GROWN_BYTES = 8 * 1024 * 1024
/** Beside the largest row: what is written at once. */
const MARGIN_BYTES = BUFFER_BYTES

/**
 * DataRow messages being made in large buffers. A decoder's hot loop writes to `bytes` itself, from `position` on,
 * and keeps these fields true: [recordStart, position) is the row that has begun, all before is finished.
 */
export class DataRowWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  position = 0
  recordStart = 0
  /** How many rows are finished. */
  rows = 0
  readonly #maxRowBytes: number
  #taken = 0
  #full: Buffer[] = []

  constructor(maxRowBytes: number) {
    this.#maxRowBytes = maxRowBytes
  }

  /** How much memory a large row that has begun may have taken when `room` bytes more are written; else 0. */
  largeRowBytes(room: number): number {
    const begun = this.position - this.recordStart
    if (begun <= SMALL_BYTES) return 0
    const capacity = this.#capacityFor(begun + room)
    // With the smaller buffers that it was in before: they may not have been collected.
    return capacity + Math.min(capacity, 2 * MAX_GROWN_BYTES)
  }

  /** Makes sure that `room` bytes fit behind `position`; the row that has begun, on `line`, may move. @throws PgError */
  reserve(room: number, line: number): void {
    if (this.bytes.length - this.position >= room) return
    const begun = this.position - this.recordStart
    if (begun > this.#maxRowBytes) throw rowTooLarge(this.#maxRowBytes, line)
    this.#moveTo(Buffer.allocUnsafeSlow(this.#capacityFor(begun + room)))
  }

  /** Completes the row on `line`: what comes next belongs to another one. @throws PgError */
  endRow(position: number, line: number): void {
    if (position - this.recordStart > this.#maxRowBytes) throw rowTooLarge(this.#maxRowBytes, line)
    this.recordStart = this.position = position
    this.rows++
  }

  /** The finished rows, for the caller to keep: whole messages in one or more buffers. */
  take(): Buffer[] {
    if (this.bytes.length > BUFFER_BYTES && this.position - this.recordStart <= SMALL_BYTES) {
      this.#moveTo(Buffer.allocUnsafeSlow(BUFFER_BYTES))
    }
    this.#sealFinished()
    const full = this.#full
    this.#full = []
    return full
  }

  #capacityFor(bytes: number): number {
    if (bytes <= BUFFER_BYTES) return BUFFER_BYTES
    const most = this.#maxRowBytes + MARGIN_BYTES
    return Math.max(bytes, 2 * bytes > MAX_GROWN_BYTES ? most : Math.min(2 * bytes, most))
  }

  #moveTo(bytes: Buffer): void {
    const begun = this.bytes.copy(bytes, 0, this.recordStart, this.position)
    this.#sealFinished()
    this.bytes = bytes
    this.position = begun
    this.recordStart = 0
    this.#taken = 0
  }

  #sealFinished(): void {
    if (this.recordStart > this.#taken) this.#full.push(this.bytes.subarray(this.#taken, this.recordStart))
    this.#taken = this.recordStart
  }
}
