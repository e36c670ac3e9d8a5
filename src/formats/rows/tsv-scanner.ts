import type { DataRowWriter } from './data-row-writer.ts'
import { isLineEnd, RowBuilder, type RowShape } from './row-builder.ts'
import { bytesMatch, type RowScanner } from './row-decoder.ts'
import { badFile, invalidBytes } from './row-errors.ts'
import { characterAt, validLengthUnseen } from './valid-text.ts'

export interface TsvRules {
  readonly delimiter: number
  readonly nullString: Buffer
  readonly header: boolean
  readonly encoding: string
  /** Whether `\.` must be alone on its line, as from PostgreSQL 18 on. */
  readonly strictEndMarker: boolean
}

const LF = 0x0a
const CR = 0x0d
const BACKSLASH = 0x5c
const DOT = 0x2e
const LETTER_X = 0x78
/** `\377` and `\xff`. */
const LONGEST_ESCAPE = 4

/** What a byte after a backslash stands for. */
const UNESCAPED = new Uint8Array(256).map((_, byte) => byte)
for (const [i, letter] of [...'bfnrtv'].entries()) UNESCAPED[letter.charCodeAt(0)] = '\b\f\n\r\t\v'.charCodeAt(i)

/** COPY FROM … in its text format; see CsvScanner. */
export class TsvScanner implements RowScanner {
  readonly #writer: DataRowWriter
  readonly #rules: TsvRules
  readonly #row: RowBuilder
  readonly #special = new Uint8Array(256)
  ended = false
  /** What a line is to fail with when its end is reached: something wrong with the line itself comes first. */
  #error: Error | undefined
  // The field as it is written in the file, if it has escapes: a NULL is told by that.
  #escaped = false
  #needsCheck = false
  readonly #raw: Buffer
  #rawLength = 0
  #rawEndOffset = 0

  constructor(writer: DataRowWriter, shape: RowShape, rules: TsvRules) {
    this.#writer = writer
    this.#rules = rules
    this.#row = new RowBuilder(writer, shape, rules.header)
    this.#raw = Buffer.alloc(rules.nullString.length)
    for (const byte of [rules.delimiter, BACKSLASH, LF, CR]) this.#special[byte] = 1
  }

  get line(): number {
    return this.#row.currentLine
  }

  scan(bytes: Buffer, final: boolean): number {
    const { delimiter } = this.#rules
    const special = this.#special
    const writer = this.#writer
    const row = this.#row
    const end = bytes.length
    writer.reserve(end + row.overhead, row.currentLine)
    let out = writer.bytes
    let o = writer.position
    let i = 0
    scanning: while (i < end) {
      let byte = bytes[i] as number
      let length = 0
      if (byte === BACKSLASH) {
        if (bytes[i + 1] === DOT) {
          if (i + this.#markerLength(bytes, i) > end && !final) break
          this.#checkEndMarker(bytes, i + 2)
          writer.position = o
          this.finish()
          this.ended = true
          return end
        }
        length = escapeLength(bytes, i)
        if (i + length === end && !final && mayGoOn(bytes, i, length)) break
      }
      if (!row.begun) {
        o = row.begin(end - i)
        out = writer.bytes
      }
      if (byte === BACKSLASH) {
        this.#noteEscape(bytes, i, length, o)
        // One that escapes nothing, at the end of the file, is dropped.
        if (length > 1) out[o++] = this.#unescape(bytes, i, length)
        i += length
        continue
      }
      while (special[byte] === 0) {
        out[o++] = byte
        if (++i === end) break scanning
        byte = bytes[i] as number
      }
      if (byte === delimiter) {
        i++
        o = row.beginField(this.#endField(o))
      } else if (byte !== BACKSLASH) {
        const mayBeCrlf = byte === CR && row.lineEnd !== 'CR' && row.lineEnd !== 'LF'
        if (mayBeCrlf && i + 1 === end && !final) break
        length = row.takeLineEnd(byte, bytes[i + 1])
        if (length === 0) throw literalLineEnd(byte, row.line)
        i += length
        o = this.#endRow(this.#endField(o))
      }
    }
    writer.position = o
    return i
  }

  finish(): void {
    if (this.#row.begun && !this.#row.inHeader) this.#endRow(this.#endField(this.#writer.position))
  }

  #endField(position: number): number {
    const row = this.#row
    const { nullString, encoding } = this.#rules
    const out = this.#writer.bytes
    const start = row.valueStart
    let isNull: boolean
    if (this.#escaped) {
      this.#noteRaw(out, this.#writer.recordStart + this.#rawEndOffset, position)
      isNull = this.#rawLength === nullString.length && bytesMatch(this.#raw, 0, nullString)
      this.#escaped = false
    } else {
      isNull = position - start === nullString.length && bytesMatch(out, start, nullString)
    }
    if (this.#needsCheck) {
      this.#needsCheck = false
      const value = out.subarray(start, position)
      const valid = validLengthUnseen(value, encoding)
      if (!isNull && valid < value.length) {
        this.#error ??= invalidBytes(encoding, characterAt(value, valid, encoding), row.line)
      }
    }
    return row.endField(position, isNull)
  }

  #endRow(position: number): number {
    const error = this.#error
    this.#error = undefined
    if (error && !this.#row.inHeader) throw error
    return this.#row.endRow(position)
  }

  #unescape(bytes: Buffer, at: number, length: number): number {
    const first = bytes[at + 1] as number
    const hex = first === LETTER_X && length > 2
    if (!hex && !isOctal(first)) return UNESCAPED[first] as number
    let number = 0
    for (let i = hex ? at + 2 : at + 1; i < at + length; i++)
      number = number * (hex ? 16 : 8) + digit(bytes[i] as number)
    const byte = number & 0xff
    // The bytes of the file are valid, but not what is made of them.
    if (byte === 0 || byte >= 0x80) this.#needsCheck = true
    return byte
  }

  /** Before an escape is read to `position`. */
  #noteEscape(bytes: Buffer, at: number, length: number, position: number): void {
    const { recordStart } = this.#writer
    if (!this.#escaped) {
      this.#escaped = true
      this.#rawLength = 0
      this.#rawEndOffset = this.#row.valueStart - recordStart
    }
    this.#noteRaw(this.#writer.bytes, recordStart + this.#rawEndOffset, position)
    if (length > 1) this.#noteRaw(bytes, at, at + length)
    this.#rawEndOffset = position + (length > 1 ? 1 : 0) - recordStart
  }

  #noteRaw(source: Buffer, start: number, end: number): void {
    const raw = this.#raw
    let length = this.#rawLength
    for (let i = start; i < end && length < raw.length; i++) raw[length++] = source[i] as number
    this.#rawLength += end - start
  }

  /** How many bytes tell what an end marker is. */
  #markerLength(bytes: Buffer, at: number): number {
    const next = bytes[at + 2]
    return this.#row.lineEnd === 'CRLF' && (next === undefined || next === CR) ? 4 : 3
  }

  /** `at` is after the `\.`; the end of the file reads as a NUL. */
  #checkEndMarker(bytes: Buffer, at: number): void {
    const { lineEnd, begun } = this.#row
    const crlf = lineEnd === 'CRLF'
    const strict = this.#rules.strictEndMarker
    const corrupt = strict ? 'end-of-copy marker is not alone on its line' : 'end-of-copy marker corrupt'
    const mismatch = 'end-of-copy marker does not match previous newline style'
    if (crlf && bytes[at] === LF) throw badFile(mismatch, this.line)
    if (crlf && bytes[at] !== CR) throw badFile(corrupt, this.line)
    const last = bytes[crlf ? at + 1 : at]
    if (!isLineEnd(last)) throw badFile(corrupt, this.line)
    if (lineEnd !== 'unknown' && (last === CR) !== (lineEnd === 'CR')) throw badFile(mismatch, this.line)
    if (strict && begun) throw badFile(corrupt, this.line)
  }
}

/** With its backslash. */
function escapeLength(bytes: Buffer, at: number): number {
  const first = bytes[at + 1]
  if (first === undefined) return 1
  const isDigit = first === LETTER_X ? isHex : isOctal
  if (first !== LETTER_X && !isOctal(first)) return 2
  let length = 2
  while (length < LONGEST_ESCAPE && isDigit(bytes[at + length])) length++
  return length
}

/** An escape at the end of what there is: whether it may be longer. */
function mayGoOn(bytes: Buffer, at: number, length: number): boolean {
  const first = bytes[at + 1]
  return length === 1 || (length < LONGEST_ESCAPE && (first === LETTER_X || isOctal(first)))
}

const isOctal = (byte = 0): boolean => byte >= 0x30 && byte <= 0x37
const isHex = (byte = 0): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)

/** Of a hexadecimal or octal one. */
const digit = (byte: number): number => (byte <= 0x39 ? byte - 0x30 : (byte & 0x0f) + 9)

function literalLineEnd(byte: number, line: number): Error {
  const [name, letter] = byte === LF ? ['newline', 'n'] : ['carriage return', 'r']
  return badFile(`literal ${name} found in data`, line, `Use "\\${letter}" to represent ${name}.`)
}
