import { BACKEND } from '../../protocol/codes.ts'
import type { DataRowWriter } from './data-row-writer.ts'
import { extraData, missingData } from './row-errors.ts'

export interface RowShape {
  /** As errors name them. */
  readonly columns: readonly string[]
  /** Puts the line where the row begins before the columns. */
  readonly withLine: boolean
  /** Behind its number. */
  readonly afterLine?: Buffer
  /** Columns whose type may refuse even a NULL. */
  readonly domains?: readonly boolean[]
}

type LineEnd = 'unknown' | 'LF' | 'CR' | 'CRLF'

const LF = 0x0a
const CR = 0x0d
const HEADER_BYTES = 7
const LENGTH_BYTES = 4
const LINE_DIGITS = 16
/** Far more than a table has columns. */
const MAX_FIELDS = 100_000

/**
 * The row that a scanner is reading, as a DataRow message. The scanner writes the bytes of values to the DataRowWriter
 * itself and passes positions in it; offsets kept here count from where the row begins, as it may move.
 */
export class RowBuilder {
  /** Line ends so far, and the line that has begun. */
  line = 0
  lineEnd: LineEnd = 'unknown'
  begun = false
  /** How many fields are complete. */
  fields = 0
  /** What a row takes beside the bytes of its values. */
  readonly overhead: number
  readonly #writer: DataRowWriter
  readonly #shape: RowShape
  #skipNext: boolean
  #valueOffset = 0

  constructor(writer: DataRowWriter, shape: RowShape, header: boolean) {
    this.#writer = writer
    this.#shape = shape
    this.#skipNext = header
    const line = LENGTH_BYTES + LINE_DIGITS + (shape.afterLine?.length ?? 0)
    this.overhead = HEADER_BYTES + line + shape.columns.length * LENGTH_BYTES
  }

  /** The line that is being read, or comes next. */
  get currentLine(): number {
    return this.begun ? this.line : this.line + 1
  }

  get inHeader(): boolean {
    return this.#skipNext
  }

  /** Where the bytes of the current field begin. */
  get valueStart(): number {
    return this.#writer.recordStart + this.#valueOffset
  }

  /** Begins a row at the writer's position, with room for `bytes` of values; returns where the first goes. */
  begin(bytes: number): number {
    const writer = this.#writer
    this.line++
    writer.reserve(bytes + this.overhead, this.line)
    const { columns, withLine, afterLine } = this.#shape
    this.begun = true
    this.fields = 0
    const out = writer.bytes
    let position = writer.position
    const count = columns.length + (withLine ? 1 : 0)
    out[position] = BACKEND.dataRow
    out[position + 5] = count >>> 8
    out[position + 6] = count
    position += HEADER_BYTES
    if (withLine) {
      const digits = writeDigits(out, position + LENGTH_BYTES, this.line)
      const end = digits + (afterLine?.copy(out, digits) ?? 0)
      writeLength(out, position, end - position - LENGTH_BYTES)
      position = end
    }
    return this.beginField(position)
  }

  /** Returns where its value goes. Fields too many are just counted. */
  beginField(position: number): number {
    const start = this.fields < this.#shape.columns.length ? position + LENGTH_BYTES : position
    this.#valueOffset = start - this.#writer.recordStart
    return start
  }

  /** Completes the field whose value ends at `position`; returns where the next begins. */
  endField(position: number, isNull: boolean): number {
    if (this.fields++ >= this.#shape.columns.length) {
      // They take no memory, so that no limit of a row would ever end them.
      if (this.fields > MAX_FIELDS && !this.#skipNext) throw extraData(this.line)
      return position
    }
    const start = this.valueStart
    writeLength(this.#writer.bytes, start - LENGTH_BYTES, isNull ? -1 : position - start)
    return isNull ? start : position
  }

  /** Returns where the next row begins. */
  endRow(position: number): number {
    const writer = this.#writer
    this.begun = false
    if (this.#skipNext) {
      this.#skipNext = false
      writer.position = writer.recordStart
    } else {
      const end = this.#completed(position)
      writeLength(writer.bytes, writer.recordStart + 1, end - writer.recordStart - 1)
      writer.endRow(end, this.line)
      if (end > position) throw missingData(this.#shape.columns[this.fields], this.line)
    }
    return writer.position
  }

  /**
   * How many bytes the end of a line takes, or 0 if it is not one of this file: the first line decides. `next` is
   * undefined at the end of the file.
   */
  takeLineEnd(byte: number, next: number | undefined): 0 | 1 | 2 {
    const found: LineEnd = byte === LF ? 'LF' : next === LF && this.lineEnd !== 'CR' ? 'CRLF' : 'CR'
    if (this.lineEnd === 'unknown') this.lineEnd = found
    if (found !== this.lineEnd) return 0
    return found === 'CRLF' ? 2 : 1
  }

  /** COPY converts the fields that a row has before it misses one: so the row is sent, with NULL for what it lacks. */
  #completed(position: number): number {
    const { columns, domains } = this.#shape
    // A line has at least one field; without columns it must be an empty one.
    if (columns.length === 0 ? this.fields > 1 || position > this.valueStart : this.fields > columns.length) {
      throw extraData(this.line)
    }
    if (domains?.includes(true, this.fields)) throw missingData(columns[this.fields], this.line)
    let end = position
    for (let field = this.fields; field < columns.length; field++) {
      writeLength(this.#writer.bytes, end, -1)
      end += LENGTH_BYTES
    }
    return end
  }
}

/** A positive number in decimal; returns where it ends. Without a string: this is done for every row. */
function writeDigits(out: Buffer, at: number, value: number): number {
  let end = at
  for (let rest = value; rest > 0; rest = Math.floor(rest / 10)) end++
  for (let rest = value, i = end; rest > 0; rest = Math.floor(rest / 10)) out[--i] = 0x30 + (rest % 10)
  return end
}

function writeLength(out: Buffer, at: number, length: number): void {
  out[at] = length >>> 24
  out[at + 1] = length >>> 16
  out[at + 2] = length >>> 8
  out[at + 3] = length
}

export const isLineEnd = (byte: number | undefined): boolean => byte === LF || byte === CR
