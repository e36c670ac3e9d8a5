import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { BYTE, ESCAPES, isSpace, isWhole, NUMBER_START, numberStep, PLAIN, WORDS } from './json-grammar.ts'

/** What is wrong with a line. */
export class JsonError extends Error {
  readonly code: string
  constructor(detail: string, code: string = SQLSTATE.invalidTextRepresentation) {
    super(detail)
    this.code = code
  }
}

/** The parts of objects of which one stands on each line. `depth` is how many objects and arrays are open around a part. */
export interface JsonParts {
  /** Its own is counted. */
  open(byte: number, depth: number): void
  /** Its own is not counted any more. */
  close(byte: number, depth: number): void
  /** A comma or a colon. */
  separator(byte: number, depth: number): void
  space(byte: number, depth: number): void
  beginString(isKey: boolean, depth: number): void
  endString(isKey: boolean, depth: number): void
  /** A number, or true, false or null. */
  beginScalar(depth: number): void
  endScalar(isNull: boolean, depth: number): void
  /** Of a string or scalar, without escapes. */
  bytes(chunk: Buffer, from: number, to: number): void
  /** In a string: `raw` up to `length` is how it is written, `unit` the UTF-16 code unit that it stands for. */
  escape(raw: Buffer, length: number, unit: number): void
  endLine(): void
}

/** PostgreSQL's own parser goes less deep. */
const MAX_DEPTH = 10_000

type State =
  // What is expected,
  | 'line'
  | 'key or end'
  | 'key'
  | 'colon'
  | 'value'
  | 'value or end'
  | 'comma or end'
  | 'end of line'
  // or what is being read.
  | 'string'
  | 'escape'
  | 'hex'
  | 'number'
  | 'word'

/**
 * Reads JSON Lines by RFC 8259, in chunks cut anywhere: an object a line. What PostgreSQL does with characters is left to
 * it. Lines of nothing but spaces are passed over at the end alone, so that a row's number is its line's. @throws JsonError
 */
export class JsonScanner {
  #line = 1
  readonly #parts: JsonParts
  #state: State = 'line'
  #isKey = false
  /** What is open: the bytes that close it. */
  #closing = Buffer.allocUnsafe(MAX_DEPTH)
  #depth = 0
  /** In a number. */
  #step = 0
  #word: Buffer = Buffer.alloc(0)
  #wordLength = 0
  #raw = Buffer.allocUnsafe(6)
  #rawLength = 0
  #blankLines = 0

  constructor(parts: JsonParts) {
    this.#parts = parts
  }

  /** The line that is being read. */
  get line(): number {
    return this.#line
  }

  push(chunk: Buffer): void {
    for (let i = 0; i < chunk.length; ) {
      switch (this.#state) {
        case 'string':
          i = this.#string(chunk, i)
          break
        case 'number':
          i = this.#number(chunk, i)
          break
        case 'word':
          i = this.#readWord(chunk, i)
          break
        case 'escape':
        case 'hex':
          this.#escape(chunk[i++] as number)
          break
        default:
          this.#between(chunk[i++] as number)
      }
    }
  }

  end(): void {
    if (this.#state === 'line') return
    if (this.#state !== 'end of line') throw this.#endsEarly()
    this.#parts.endLine()
  }

  /** Between strings, numbers and words. */
  #between(byte: number): void {
    if (byte === BYTE.newline) this.#endLine()
    else if (isSpace(byte)) this.#parts.space(byte, this.#depth)
    else this.#mark(byte)
  }

  #mark(byte: number): void {
    const close = this.#closing[this.#depth - 1] as number
    switch (this.#state) {
      case 'line':
        if (this.#blankLines > 0) {
          this.#line -= this.#blankLines
          throw this.#endsEarly()
        }
        if (byte !== BYTE.openObject) throw this.#unexpected(byte, '"{"')
        this.#open(byte)
        break
      case 'key or end':
      case 'key':
        if (byte === BYTE.quote) this.#beginString(true)
        else if (byte === close && this.#state === 'key or end') this.#close(byte)
        else throw this.#unexpected(byte, 'string')
        break
      case 'colon':
        if (byte !== BYTE.colon) throw this.#unexpected(byte, '":"')
        this.#parts.separator(byte, this.#depth)
        this.#state = 'value'
        break
      case 'comma or end':
        if (byte === BYTE.comma) {
          this.#parts.separator(byte, this.#depth)
          this.#state = close === BYTE.closeObject ? 'key' : 'value'
        } else if (byte === close) this.#close(byte)
        else throw this.#unexpected(byte, `"," or "${String.fromCharCode(close)}"`)
        break
      case 'end of line':
        throw this.#unexpected(byte, 'end of line')
      default:
        if (byte === close && this.#state === 'value or end') this.#close(byte)
        else this.#beginValue(byte)
    }
  }

  #beginValue(byte: number): void {
    if (byte === BYTE.quote) this.#beginString(false)
    else if (byte === BYTE.openObject || byte === BYTE.openArray) this.#open(byte)
    else this.#beginScalar(byte)
  }

  #beginScalar(byte: number): void {
    const word = WORDS.get(byte)
    const first = byte === BYTE.minus ? NUMBER_START : numberStep(NUMBER_START, byte)
    if (word === undefined && first === 0) throw this.#unexpected(byte, 'JSON value')
    this.#parts.beginScalar(this.#depth)
    this.#raw[0] = byte
    this.#parts.bytes(this.#raw, 0, 1)
    this.#state = word === undefined ? 'number' : 'word'
    this.#step = first
    this.#word = word ?? this.#word
    this.#wordLength = 1
  }

  #endValue(): void {
    this.#state = this.#depth === 0 ? 'end of line' : 'comma or end'
  }

  #beginString(isKey: boolean): void {
    this.#state = 'string'
    this.#isKey = isKey
    this.#parts.beginString(isKey, this.#depth)
  }

  #string(chunk: Buffer, from: number): number {
    let to = from
    while (to < chunk.length && PLAIN[chunk[to] as number] !== 0) to++
    if (to > from) this.#parts.bytes(chunk, from, to)
    if (to === chunk.length) return to
    const byte = chunk[to] as number
    if (byte === BYTE.backslash) {
      this.#state = 'escape'
      this.#raw[0] = byte
      this.#rawLength = 1
    } else if (byte === BYTE.quote) {
      this.#parts.endString(this.#isKey, this.#depth)
      if (this.#isKey) this.#state = 'colon'
      else this.#endValue()
    } else if (byte === BYTE.newline) throw this.#endsEarly()
    else throw new JsonError(`Character with value 0x${byte.toString(16).padStart(2, '0')} must be escaped.`)
    return to + 1
  }

  #escape(byte: number): void {
    this.#raw[this.#rawLength++] = byte
    if (byte === BYTE.newline) throw this.#endsEarly()
    if (this.#state === 'hex') {
      if (!/^[\da-f]$/i.test(String.fromCharCode(byte))) {
        throw new JsonError('"\\u" must be followed by four hexadecimal digits.')
      }
      if (this.#rawLength < this.#raw.length) return
      this.#endEscape(Number.parseInt(this.#raw.toString('latin1', 2), 16))
      return
    }
    const meant = ESCAPES.get(byte)
    if (byte === BYTE.letterU) this.#state = 'hex'
    else if (meant === undefined) throw new JsonError(`Escape sequence "\\${shown(byte)}" is invalid.`)
    else this.#endEscape(meant)
  }

  #endEscape(unit: number): void {
    this.#state = 'string'
    this.#parts.escape(this.#raw, this.#rawLength, unit)
  }

  #number(chunk: Buffer, from: number): number {
    let to = from
    for (; to < chunk.length; to++) {
      const next = numberStep(this.#step, chunk[to] as number)
      if (next === 0) break
      this.#step = next
    }
    if (to > from) this.#parts.bytes(chunk, from, to)
    if (to === chunk.length) return to
    if (!isWhole(this.#step)) {
      if (chunk[to] === BYTE.newline) throw this.#endsEarly()
      throw this.#unexpected(chunk[to] as number, 'digit')
    }
    this.#parts.endScalar(false, this.#depth)
    this.#endValue()
    return to
  }

  #readWord(chunk: Buffer, from: number): number {
    let to = from
    while (to < chunk.length && this.#wordLength < this.#word.length) {
      if (chunk[to] === BYTE.newline) throw this.#endsEarly()
      if (chunk[to] !== this.#word[this.#wordLength]) throw this.#unexpected(chunk[to] as number, 'JSON value')
      this.#wordLength++
      to++
    }
    if (to > from) this.#parts.bytes(chunk, from, to)
    if (this.#wordLength < this.#word.length) return to
    this.#parts.endScalar(this.#word[0] === 0x6e, this.#depth)
    this.#endValue()
    return to
  }

  #open(byte: number): void {
    if (this.#depth === MAX_DEPTH) throw new JsonError('It is nested too deep.', SQLSTATE.statementTooComplex)
    this.#closing[this.#depth++] = byte === BYTE.openObject ? BYTE.closeObject : BYTE.closeArray
    this.#state = byte === BYTE.openObject ? 'key or end' : 'value or end'
    this.#parts.open(byte, this.#depth)
  }

  #close(byte: number): void {
    this.#parts.close(byte, --this.#depth)
    this.#endValue()
  }

  #endLine(): void {
    if (this.#state === 'line') this.#blankLines++
    else if (this.#state === 'end of line') this.#parts.endLine()
    else throw this.#endsEarly()
    this.#state = 'line'
    this.#line++
  }

  #endsEarly(): JsonError {
    return new JsonError('The line ended unexpectedly.')
  }

  #unexpected(byte: number, expected: string): JsonError {
    return new JsonError(`Expected ${expected}, but found "${shown(byte)}".`)
  }
}

const shown = (byte: number): string =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
