import type { DataRowWriter } from './data-row-writer.ts'
import { isLineEnd, RowBuilder, type RowShape } from './row-builder.ts'
import { bytesMatch, type RowScanner } from './row-decoder.ts'
import { badFile } from './row-errors.ts'

export interface CsvRules {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
  readonly nullString: Buffer
  readonly header: boolean
  /** By column. */
  readonly forceNotNull: readonly boolean[]
  readonly forceNull: readonly boolean[]
  /** Whether `\.` alone on a line ends the data, as up to PostgreSQL 17. */
  readonly endMarker: boolean
}

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
  readonly #rules: CsvRules
  readonly #row: RowBuilder
  /** Which bytes mean something, outside and inside quotes. */
  readonly #unquotedSpecial = new Uint8Array(256)
  readonly #quotedSpecial = new Uint8Array(256)
  ended = false
  #inQuotes = false
  #sawQuote = false

  constructor(writer: DataRowWriter, shape: RowShape, rules: CsvRules) {
    this.#writer = writer
    this.#rules = rules
    this.#row = new RowBuilder(writer, shape, rules.header)
    for (const byte of [rules.delimiter, rules.quote, LF, CR]) this.#unquotedSpecial[byte] = 1
    for (const byte of [rules.quote, rules.escape, LF, CR]) this.#quotedSpecial[byte] = 1
  }

  get line(): number {
    return this.#row.currentLine
  }

  scan(bytes: Buffer, final: boolean): number {
    const { delimiter, quote, escape: escapeByte } = this.#rules
    const unquotedSpecial = this.#unquotedSpecial
    const quotedSpecial = this.#quotedSpecial
    const writer = this.#writer
    const row = this.#row
    const end = bytes.length
    writer.reserve(end + row.overhead, row.currentLine)
    let out = writer.bytes
    let o = writer.position
    let i = 0
    scanning: while (i < end) {
      if (!row.begun) {
        const marker = this.#endMarker(bytes, i, final)
        if (marker === 'unclear') break
        this.ended = marker === 'here'
        if (this.ended) return end
        o = row.begin(end - i)
        out = writer.bytes
      }
      const special = this.#inQuotes ? quotedSpecial : unquotedSpecial
      let byte = bytes[i] as number
      while (special[byte] === 0) {
        out[o++] = byte
        if (++i === end) break scanning
        byte = bytes[i] as number
      }
      if (this.#inQuotes) {
        if (i + 1 === end && !final && byte !== LF) break
        const next = bytes[i + 1]
        if (byte === escapeByte && (next === escapeByte || next === quote)) {
          out[o++] = next
          i += 2
          continue
        }
        i++
        if (byte === quote) {
          this.#inQuotes = false
        } else {
          if (byte === (row.lineEnd === 'LF' ? LF : CR)) row.line++
          out[o++] = byte
        }
      } else if (byte === delimiter) {
        i++
        o = row.beginField(this.#endField(o))
      } else if (byte === quote) {
        i++
        this.#inQuotes = true
        this.#sawQuote = true
      } else {
        if (byte === CR && i + 1 === end && !final) break
        const length = row.takeLineEnd(byte, bytes[i + 1])
        if (length === 0) throw unquotedLineEnd(byte, row.line)
        i += length
        o = row.endRow(this.#endField(o))
      }
    }
    writer.position = o
    return i
  }

  finish(): void {
    const row = this.#row
    if (!row.begun || row.inHeader) return
    if (this.#inQuotes) throw badFile('unterminated CSV quoted field', row.line)
    row.endRow(this.#endField(this.#writer.position))
  }

  #endField(position: number): number {
    const row = this.#row
    const { nullString, forceNull, forceNotNull } = this.#rules
    const quoted = this.#sawQuote
    this.#sawQuote = false
    const start = row.valueStart
    const isNull =
      position - start === nullString.length &&
      bytesMatch(this.#writer.bytes, start, nullString) &&
      (quoted ? forceNull[row.fields] === true : forceNotNull[row.fields] !== true)
    return row.endField(position, isNull)
  }

  /** At the beginning of a line. */
  #endMarker(bytes: Buffer, at: number, final: boolean): 'here' | 'absent' | 'unclear' {
    if (bytes[at] !== BACKSLASH || !this.#rules.endMarker) return 'absent'
    const { lineEnd } = this.#row
    const crlf = lineEnd === 'CRLF'
    const marker = bytes.subarray(at, at + (crlf ? 4 : 3))
    const whole = marker.length === (crlf ? 4 : 3)
    if (marker.length > 1 && marker[1] !== DOT) return 'absent'
    if (crlf && marker.length > 2 && marker[2] !== CR) return 'absent'
    if (whole && !isLineEnd(marker.at(-1))) return 'absent'
    if (!whole) return final ? 'absent' : 'unclear'
    const found = marker.at(-1) === CR ? 'CR' : crlf ? 'CRLF' : 'LF'
    if (lineEnd === 'unknown' || lineEnd === found) return 'here'
    throw badFile('end-of-copy marker does not match previous newline style', this.line)
  }
}

function unquotedLineEnd(byte: number, line: number): Error {
  const name = byte === LF ? 'newline' : 'carriage return'
  return badFile(`unquoted ${name} found in data`, line, `Use quoted CSV field to represent ${name}.`)
}
