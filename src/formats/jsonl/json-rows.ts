import { SQLSTATE } from '../../protocol/sqlstate.ts'
import type { ParquetColumn, Shape } from '../parquet/shape.ts'
import { bytesMatch } from '../rows/row-decoder.ts'
import { rowTooLarge } from '../rows/row-errors.ts'
import { BYTE } from './json-grammar.ts'
import { JsonError, type JsonParts } from './json-scanner.ts'

/** Where bytes go, and as what. */
type Mode =
  /** What no column is named like. */
  | 'nothing'
  | 'key'
  /** A string, for its column's input function. */
  | 'text'
  /** JSON as it is written. */
  | 'json'
  /** A literal of an array. */
  | 'array'
  /** JSON as it is written, as an element of such a literal. */
  | 'element'

const TAB = 0x09
/** PostgreSQL's names are shorter: a key that is longer names nothing. */
const MAX_KEY_BYTES = 256
const NULL = Buffer.from('\\N')
const FIRST_BYTES = 64 * 1024

/** The letter behind a backslash for what COPY's text format cannot have as it is. */
const LETTERS = new Uint8Array(256)
for (const [i, char] of [...'\n\r\t\\'].entries()) LETTERS[char.charCodeAt(0)] = 'nrt\\'.charCodeAt(i)

/** Makes a row of COPY's text format of each object: its members are columns by name, of those of one name the last. */
export class JsonRows implements JsonParts {
  readonly #names: readonly Buffer[]
  readonly #byName: ReadonlyMap<string, number>
  readonly #isJson: readonly boolean[]
  readonly #isArray: readonly boolean[]
  readonly #hasJsonElements: readonly boolean[]
  /** Of each column in #values; -1 for a NULL. */
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  readonly #maxRowBytes: number
  #values: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0
  #rows: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #rowsLength = 0
  #mode: Mode = 'nothing'
  #column = -1
  readonly #key = Buffer.allocUnsafe(MAX_KEY_BYTES)
  #keyLength = 0
  #elementDepth = 0
  /** A high surrogate that its low one must follow. */
  #high = 0

  constructor(columns: readonly ParquetColumn[], maxRowBytes: number) {
    this.#maxRowBytes = maxRowBytes
    this.#names = columns.map(({ name }) => Buffer.from(name))
    this.#byName = new Map(this.#names.map((name, i) => [name.toString('latin1'), i]))
    this.#isJson = columns.map(({ shape }) => isJson(shape))
    this.#isArray = columns.map(({ shape }) => shape.kind === 'array')
    this.#hasJsonElements = columns.map(({ shape }) => shape.kind === 'array' && isJson(shape.element))
    this.#starts = new Int32Array(columns.length).fill(-1)
    this.#ends = new Int32Array(columns.length)
  }

  /** Bytes of the row that has begun. */
  get begunBytes(): number {
    return this.#length
  }

  /** Of the rows so far. */
  get readyBytes(): number {
    return this.#rowsLength
  }

  /** The rows so far, for the caller to keep. */
  take(): Buffer {
    const rows = this.#rows.subarray(0, this.#rowsLength)
    this.#rows = Buffer.allocUnsafe(FIRST_BYTES)
    this.#rowsLength = 0
    if (this.#values.length > FIRST_BYTES && this.#length === 0) this.#values = Buffer.allocUnsafe(FIRST_BYTES)
    return rows
  }

  open(byte: number, depth: number): void {
    if (depth === 1) return
    if (depth === 2) this.#begin(byte === BYTE.openArray && this.#isArray[this.#column] === true ? 'array' : 'json')
    if (this.#mode === 'array' && byte !== BYTE.openArray) this.#beginElement(depth)
    this.#mark(byte === BYTE.openArray && this.#mode === 'array' ? BYTE.openObject : byte)
  }

  close(byte: number, depth: number): void {
    if (depth === 0) return
    this.#mark(this.#mode === 'array' ? BYTE.closeObject : byte)
    if (this.#mode === 'element' && depth + 1 === this.#elementDepth) this.#endElement()
    if (depth === 1) this.#end()
  }

  separator(byte: number, depth: number): void {
    if (depth > 1) this.#mark(byte)
  }

  space(byte: number, depth: number): void {
    if (depth > 1 && this.#mode !== 'array') this.#mark(byte)
  }

  beginString(isKey: boolean, depth: number): void {
    if (depth > 1) {
      if (this.#mode === 'array' && this.#hasJsonElements[this.#column]) this.#beginElement(depth + 1)
      this.#mark(BYTE.quote)
    } else if (isKey) {
      this.#mode = 'key'
      this.#keyLength = 0
    } else {
      const isText = this.#isJson[this.#column] !== true
      this.#begin(isText ? 'text' : 'json')
      if (!isText) this.#mark(BYTE.quote)
    }
  }

  endString(isKey: boolean, depth: number): void {
    if (this.#high !== 0) throw badSurrogate()
    if (depth > 1) {
      this.#mark(BYTE.quote)
      if (this.#mode === 'element' && depth + 1 === this.#elementDepth) this.#endElement()
    } else if (isKey) {
      this.#column = this.#columnOfKey()
      this.#mode = 'nothing'
    } else {
      if (this.#mode === 'json') this.#mark(BYTE.quote)
      this.#end()
    }
  }

  beginScalar(depth: number): void {
    if (depth === 1) this.#begin('json')
  }

  endScalar(isNull: boolean, depth: number): void {
    if (depth > 1) return
    if (isNull && this.#mode !== 'nothing') this.#starts[this.#column] = -1
    this.#end()
  }

  bytes(chunk: Buffer, from: number, to: number): void {
    if (this.#high !== 0) throw badSurrogate()
    if (this.#mode === 'nothing') return
    if (this.#mode === 'key') {
      if (this.#keyLength + to - from > MAX_KEY_BYTES) this.#keyLength = MAX_KEY_BYTES
      else this.#keyLength += chunk.copy(this.#key, this.#keyLength, from, to)
      return
    }
    this.#reserve(to - from)
    if (to - from > 32) this.#length += chunk.copy(this.#values, this.#length, from, to)
    else for (let i = from; i < to; i++) this.#values[this.#length++] = chunk[i] as number
  }

  escape(raw: Buffer, length: number, unit: number): void {
    if (this.#mode === 'nothing') return
    if (this.#mode === 'json' || this.#mode === 'element') {
      for (let i = 0; i < length; i++) this.#mark(raw[i] as number)
      return
    }
    const isLow = unit >= 0xdc00 && unit <= 0xdfff
    if (isLow !== (this.#high !== 0)) throw badSurrogate()
    if (unit === 0) throw new JsonError('\\u0000 cannot be converted to text.', SQLSTATE.untranslatableCharacter)
    if (unit >= 0xd800 && unit <= 0xdbff) {
      this.#high = unit
      return
    }
    const character = isLow ? String.fromCharCode(this.#high, unit) : String.fromCharCode(unit)
    this.#high = 0
    if (unit < 0x80) this.#character(unit)
    else for (const byte of Buffer.from(character)) this.#character(byte)
  }

  endLine(): void {
    for (let column = 0; column < this.#starts.length; column++) {
      const start = this.#starts[column] as number
      if (column > 0) this.#put(TAB)
      if (start < 0) this.#copy(NULL, 0, NULL.length)
      else this.#copy(this.#values, start, this.#ends[column] as number)
    }
    this.#put(BYTE.newline)
    this.#starts.fill(-1)
    this.#column = -1
    this.#length = 0
  }

  #columnOfKey(): number {
    // Mostly that behind the last one.
    const next = this.#column + 1
    const name = this.#names[next]
    if (name !== undefined && name.length === this.#keyLength && bytesMatch(this.#key, 0, name)) return next
    return this.#byName.get(this.#key.toString('latin1', 0, this.#keyLength)) ?? -1
  }

  #begin(mode: Mode): void {
    if (this.#column < 0) {
      this.#mode = 'nothing'
      return
    }
    this.#mode = mode
    this.#starts[this.#column] = this.#length
  }

  #end(): void {
    if (this.#column >= 0) this.#ends[this.#column] = this.#length
    this.#mode = 'nothing'
  }

  #beginElement(depth: number): void {
    this.#byte(BYTE.quote)
    this.#mode = 'element'
    this.#elementDepth = depth
  }

  #endElement(): void {
    this.#mode = 'array'
    this.#byte(BYTE.quote)
  }

  /** A byte of the JSON text. */
  #mark(byte: number): void {
    if (this.#mode === 'nothing') return
    if (this.#mode === 'element') this.#quoted(byte)
    else this.#byte(byte)
  }

  /** A byte of a character that an escape stands for. */
  #character(byte: number): void {
    if (this.#mode === 'array') this.#quoted(byte)
    else if (this.#mode === 'text') this.#byte(byte)
    else if (this.#keyLength < MAX_KEY_BYTES) this.#key[this.#keyLength++] = byte
  }

  /** Between the quotes of an array's element. */
  #quoted(byte: number): void {
    if (byte === BYTE.quote || byte === BYTE.backslash) this.#byte(BYTE.backslash)
    this.#byte(byte)
  }

  #byte(byte: number): void {
    const letter = LETTERS[byte] as number
    this.#reserve(2)
    if (letter !== 0) this.#values[this.#length++] = BYTE.backslash
    this.#values[this.#length++] = letter === 0 ? byte : letter
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#values.length) return
    // That of the largest row is known beforehand: what does not fit into it is larger.
    if (needed > this.#maxRowBytes) throw rowTooLarge(this.#maxRowBytes)
    this.#values = grown(this.#values, this.#length, Math.min(2 * needed, this.#maxRowBytes))
  }

  #put(byte: number): void {
    this.#reserveRow(1)
    this.#rows[this.#rowsLength++] = byte
  }

  #reserveRow(bytes: number): void {
    const needed = this.#rowsLength + bytes
    if (needed > this.#rows.length)
      this.#rows = grown(this.#rows, this.#rowsLength, Math.max(2 * this.#rows.length, needed))
  }

  #copy(from: Buffer, start: number, end: number): void {
    const bytes = end - start
    this.#reserveRow(bytes)
    if (bytes > 32) from.copy(this.#rows, this.#rowsLength, start, end)
    else for (let i = 0; i < bytes; i++) this.#rows[this.#rowsLength + i] = from[start + i] as number
    this.#rowsLength += bytes
  }
}

const badSurrogate = (): JsonError =>
  new JsonError('A high surrogate of Unicode must be followed by a low one, and a low one must follow a high one.')

function isJson(shape: Shape): boolean {
  return shape.kind === 'scalar' && (shape.type === 'json' || shape.type === 'jsonb')
}

function grown(bytes: Buffer, length: number, capacity: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(capacity)
  bytes.copy(larger, 0, 0, length)
  return larger
}
