import { createReader } from './nested-literals.ts'
import { refused } from './parquet-errors.ts'
import type { ParquetColumn } from './shape.ts'
import { type JsonSink, LiteralError, type ValueReader } from './value-reader.ts'

const TAB = 0x09
const NEWLINE = 0x0a
const BACKSLASH = 0x5c
const LETTER_N = 0x4e
const SPACE = 0x20
const QUOTE = 0x22
const FIRST_BYTES = 64 * 1024

/** What a byte after a backslash stands for. */
const UNESCAPED = new Uint8Array(256).map((_, byte) => byte)
for (const [i, letter] of [...'bfnrtv'].entries()) UNESCAPED[letter.charCodeAt(0)] = '\b\f\n\r\t\v'.charCodeAt(i)

/** Lines of COPY's text format, in chunks cut anywhere → the lines that the engine is given, likewise. */
export type RowLines = (chunk: Buffer) => Buffer

/**
 * Nested values become JSON, which the engine can read. After the value of a single column comes an empty one: the engine
 * would pass over an empty line. Undefined: there is nothing to do.
 */
export function createRowLines(columns: readonly ParquetColumn[]): RowLines | undefined {
  if (columns.length > 1 && columns.every(({ shape }) => shape.kind === 'scalar')) return undefined
  const output = new Output()
  const readers = columns.map(({ shape }) => (shape.kind === 'scalar' ? undefined : createReader(shape, output)))
  const rows = new RowRewriter(columns, readers, output)
  return chunk => {
    rows.push(chunk)
    return output.take()
  }
}

class RowRewriter {
  readonly #columns: readonly ParquetColumn[]
  readonly #readers: readonly (ValueReader | undefined)[]
  readonly #output: Output
  #column = 0
  #state: 'start' | 'value' | 'null' = 'start'
  #escaped = false

  constructor(columns: readonly ParquetColumn[], readers: readonly (ValueReader | undefined)[], output: Output) {
    this.#columns = columns
    this.#readers = readers
    this.#output = output
  }

  push(chunk: Buffer): void {
    try {
      for (const byte of chunk) {
        if (byte === TAB || byte === NEWLINE) {
          this.#endValue(byte)
          continue
        }
        const reader = this.#readers[this.#column]
        if (reader === undefined) this.#output.raw(byte)
        else this.#read(reader, byte)
      }
    } catch (error) {
      if (!(error instanceof LiteralError)) throw error
      throw refused(this.#columns[this.#column]?.name ?? '', error.message)
    }
  }

  #read(reader: ValueReader, byte: number): void {
    if (!this.#escaped && byte === BACKSLASH) {
      this.#escaped = true
      return
    }
    const escaped = this.#escaped
    this.#escaped = false
    if (escaped && byte === LETTER_N && this.#state === 'start') {
      this.#output.ascii('\\N')
      this.#state = 'null'
      return
    }
    if (this.#state === 'start') reader.begin()
    this.#state = 'value'
    reader.put(escaped ? (UNESCAPED[byte] as number) : byte)
  }

  #endValue(byte: number): void {
    if (this.#state === 'value') this.#readers[this.#column]?.end()
    this.#state = 'start'
    if (byte === NEWLINE && this.#columns.length === 1) this.#output.raw(TAB)
    this.#output.raw(byte)
    this.#column = byte === NEWLINE ? 0 : this.#column + 1
  }
}

/** JSON as a value of COPY's text format, where each backslash is doubled. */
class Output implements JsonSink {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  /** Everything so far; the caller keeps it. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES)
    this.#length = 0
    return taken
  }

  raw(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow()
    this.#bytes[this.#length++] = byte
  }

  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.raw(text.charCodeAt(i))
  }

  byte(byte: number): void {
    if (byte === QUOTE) this.ascii('\\\\"')
    else if (byte === BACKSLASH) this.ascii('\\\\\\\\')
    else if (byte < SPACE) this.ascii(`\\\\u${byte.toString(16).padStart(4, '0')}`)
    else this.raw(byte)
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(2 * this.#bytes.length)
    this.#bytes.copy(larger)
    this.#bytes = larger
  }
}
