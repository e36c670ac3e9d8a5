import type { DataRowWriter } from './data-row-writer.ts'
import {
  beginRow,
  bytesMatch,
  finishRow,
  type RowScanner,
  type RowShape,
  rowOverhead,
  writeLength,
  writeNull,
} from './row-decoder.ts'
import { badFile, extraData, missingData } from './row-errors.ts'

export interface CsvRules {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
  readonly nullString: Buffer
  readonly header: boolean
  /** By column. */
  readonly forceNotNull: readonly boolean[]
  readonly forceNull: readonly boolean[]
  /** Whether `\.` alone on a line ends the data: up to PostgreSQL 17. */
  readonly endMarker: boolean
}

type LineEnd = 'unknown' | 'LF' | 'CR' | 'CRLF'

const LF = 0x0a
const CR = 0x0d
const BACKSLASH = 0x5c
const DOT = 0x2e

/**
 * COPY FROM … CSV. Values go straight from the input into a DataRow message, so that a row cut in two by a chunk's end
 * is simply gone on with.
 */
export class CsvScanner implements RowScanner {
  readonly #writer: DataRowWriter
  readonly #shape: RowShape
  readonly #rules: CsvRules
  /** Which bytes mean something, outside and inside quotes. */
  readonly #special = new Uint8Array(256)
  readonly #quotedSpecial = new Uint8Array(256)
  readonly #overhead: number
  #lineEnd: LineEnd = 'unknown'
  #line = 0
  #inHeader: boolean
  #ended = false
  // The row that has begun. Offsets count from where it begins, as it may move.
  #begun = false
  #fields = 0
  #fieldOffset = 0
  #quoted = false
  #sawQuote = false

  constructor(writer: DataRowWriter, shape: RowShape, rules: CsvRules) {
    this.#writer = writer
    this.#shape = shape
    this.#rules = rules
    this.#overhead = rowOverhead(shape)
    this.#inHeader = rules.header
    for (const byte of [rules.delimiter, rules.quote, LF, CR]) this.#special[byte] = 1
    for (const byte of [rules.quote, rules.escape, LF, CR]) this.#quotedSpecial[byte] = 1
  }

  get line(): number {
    return this.#begun ? this.#line : this.#line + 1
  }

  scan(bytes: Buffer, start: number, final: boolean): number {
    if (this.#ended) return bytes.length
    const { delimiter, quote, escape: escapeByte } = this.#rules
    const special = this.#special
    const quotedSpecial = this.#quotedSpecial
    const writer = this.#writer
    const columns = this.#shape.columns.length
    const end = bytes.length
    writer.reserve(end - start + this.#overhead)
    let out = writer.bytes
    let o = writer.position
    let i = start
    let quoted = this.#quoted

    scanning: while (i < end) {
      if (!this.#begun) {
        if (bytes[i] === BACKSLASH && this.#rules.endMarker) {
          const marker = this.#endMarker(bytes, i, final)
          if (marker === 'unclear') break
          if (marker === 'here') {
            this.#ended = true
            return end
          }
        }
        if (out.length - o < end - i + this.#overhead) {
          writer.reserve(end - i + this.#overhead)
          out = writer.bytes
          o = writer.position
        }
        o = this.#begin(out, o)
      }
      if (quoted) {
        let byte = bytes[i] as number
        while (quotedSpecial[byte] === 0) {
          out[o++] = byte
          if (++i === end) break scanning
          byte = bytes[i] as number
        }
        if (byte === escapeByte) {
          if (i + 1 === end && !final) break
          const next = bytes[i + 1]
          if (i + 1 < end && (next === escapeByte || next === quote)) {
            out[o++] = next
            i += 2
            continue
          }
        }
        i++
        if (byte === quote) {
          quoted = false
        } else {
          if (byte === (this.#lineEnd === 'LF' ? LF : CR)) this.#line++
          out[o++] = byte
        }
        continue
      }

      let byte = bytes[i] as number
      while (special[byte] === 0) {
        out[o++] = byte
        if (++i === end) break scanning
        byte = bytes[i] as number
      }
      if (byte === delimiter) {
        i++
        o = this.#endField(out, o)
        this.#fieldOffset = o - writer.recordStart
        if (this.#fields < columns) o += 4
      } else if (byte === quote) {
        i++
        quoted = true
        this.#sawQuote = true
      } else {
        if (byte === CR && i + 1 === end && !final) break
        i += this.#takeLineEnd(byte, bytes[i + 1])
        o = this.#endRow(this.#endField(out, o))
      }
    }
    this.#quoted = quoted
    writer.position = o
    return i
  }

  finish(): void {
    if (!this.#begun || this.#inHeader) return
    if (this.#quoted) throw badFile('unterminated CSV quoted field', this.#line)
    this.#endRow(this.#endField(this.#writer.bytes, this.#writer.position))
  }

  #begin(out: Buffer, at: number): number {
    this.#line++
    this.#begun = true
    this.#fields = 0
    const first = beginRow(out, at, this.#shape, this.#line)
    this.#fieldOffset = first - at
    return first + (this.#shape.columns.length > 0 ? 4 : 0)
  }

  /** Finishes the field whose bytes end at `position`; returns where the next goes. Fields too many are just counted. */
  #endField(out: Buffer, position: number): number {
    const column = this.#fields++
    const quoted = this.#sawQuote
    this.#sawQuote = false
    if (column >= this.#shape.columns.length) return position
    const { nullString, forceNull, forceNotNull } = this.#rules
    const at = this.#writer.recordStart + this.#fieldOffset
    const length = position - at - 4
    if (length === nullString.length && bytesMatch(out, at + 4, nullString)) {
      const isNull = quoted ? forceNull[column] === true : forceNotNull[column] !== true
      if (isNull) {
        writeNull(out, at)
        return at + 4
      }
    }
    writeLength(out, at, length)
    return position
  }

  #endRow(position: number): number {
    const writer = this.#writer
    const columns = this.#shape.columns
    this.#begun = false
    if (this.#inHeader) {
      this.#inHeader = false
      return writer.recordStart
    }
    if (this.#fields > Math.max(1, columns.length)) throw extraData(this.#line)
    if (this.#fields < columns.length) throw missingData(columns[this.#fields], this.#line)
    if (columns.length === 0 && position > writer.recordStart + this.#fieldOffset) throw extraData(this.#line)
    finishRow(writer, position)
    return position
  }

  /** Returns how many bytes the end of the line takes. The first line decides how lines end. */
  #takeLineEnd(byte: number, next: number | undefined): 1 | 2 {
    const found: LineEnd = byte === LF ? 'LF' : next === LF && this.#lineEnd !== 'CR' ? 'CRLF' : 'CR'
    if (this.#lineEnd === 'unknown') this.#lineEnd = found
    if (found !== this.#lineEnd) throw unquotedLineEnd(byte, this.#line)
    return found === 'CRLF' ? 2 : 1
  }

  /** At the beginning of a line. */
  #endMarker(bytes: Buffer, at: number, final: boolean): 'here' | 'absent' | 'unclear' {
    const crlf = this.#lineEnd === 'CRLF'
    const marker = bytes.subarray(at, at + (crlf ? 4 : 3))
    const matches = (index: number, ...expected: number[]): boolean =>
      index >= marker.length || expected.includes(marker[index] as number)
    if (!matches(1, DOT) || (crlf && !matches(2, CR)) || !matches(crlf ? 3 : 2, LF, CR)) return 'absent'
    if (marker.length < (crlf ? 4 : 3)) return final ? 'absent' : 'unclear'
    const last = marker.at(-1) === LF ? 'LF' : 'CR'
    if (this.#lineEnd === 'unknown' || last === (crlf ? 'LF' : this.#lineEnd)) return 'here'
    throw badFile('end-of-copy marker does not match previous newline style', this.line)
  }
}

function unquotedLineEnd(byte: number, line: number): Error {
  const name = byte === LF ? 'newline' : 'carriage return'
  return badFile(`unquoted ${name} found in data`, line, `Use quoted CSV field to represent ${name}.`)
}
