import type { RowEncoder } from './row-encoder.ts'
import type { ValueStyle } from './value-style.ts'

const COMMA = 0x2c
const OPEN = 0x28
const CLOSE = 0x29
const QUOTE = 0x22
const BACKSLASH = 0x5c
const EMPTY = Buffer.alloc(0)
const BUFFER_BYTES = 256 * 1024
/** A buffer that one huge row has needed is not kept. */
const KEPT_BYTES = 8 * 1024 * 1024

/**
 * Rows as record literals, `(1,"a b",,"")`, one after the other with nothing between. A value is copied as it is, and
 * then changed where it stands if the style wants that: few values need it.
 */
export class RecordEncoder implements RowEncoder {
  rows = 0
  readonly #columns: readonly Buffer[]
  readonly #style: ValueStyle
  readonly #header: boolean
  /** Bytes of a quoted value that are more than themselves. */
  readonly #marked: Uint8Array
  #out: Buffer = EMPTY

  /** `columns` are the names as the header has them. */
  constructor(columns: readonly Buffer[], style: ValueStyle, header: boolean) {
    this.#columns = columns
    this.#style = style
    this.#header = header
    this.#marked = style.kinds.slice()
    this.#marked[QUOTE] = 1
    this.#marked[BACKSLASH] = 1
  }

  begin(): Buffer {
    return this.#header ? this.#headerLine() : EMPTY
  }

  encode(rows: Buffer): Buffer {
    const style = this.#style
    const { kinds, nullValue, delimiter, rowEnd } = style
    const marked = this.#marked
    const columns = this.#columns.length
    const end = rows.length
    // What a value needs beside its own bytes: quotes, a delimiter, the end of the row.
    const margin = nullValue.length + 16
    let out = this.#buffer(end + margin)
    let o = 0
    let i = 0
    while (i < end) {
      if (rows[i++] !== OPEN) throw malformed()
      for (let column = 0; column < columns; column++) {
        if (column > 0) {
          if (rows[i++] !== COMMA) throw malformed()
          o = put(out, o, delimiter)
        }
        const start = o
        let seen = 0
        let byte = rows[i] as number
        if (byte === COMMA || byte === CLOSE) {
          for (const nullByte of nullValue) out[o++] = nullByte
        } else {
          if (byte === QUOTE) {
            i++
            while (i < end) {
              byte = rows[i++] as number
              if (marked[byte] !== 0) {
                if (byte === BACKSLASH) byte = rows[i++] as number
                else if (byte === QUOTE && rows[i++] !== QUOTE) {
                  i--
                  break
                }
                seen |= kinds[byte] as number
              }
              out[o++] = byte
            }
          } else {
            while (i < end && byte !== COMMA && byte !== CLOSE) {
              seen |= kinds[byte] as number
              out[o++] = byte
              byte = rows[++i] as number
            }
          }
          // Invariant: at a value's begin there is room for all that is left to be copied as it is.
          if (out.length - o < o - start + end - i + margin) out = this.#grow(o, o - start + end - i + margin)
          o = style.dress(out, start, o, seen, column)
        }
        if (out.length - o < end - i + margin) out = this.#grow(o, end - i + margin)
      }
      if (rows[i++] !== CLOSE) throw malformed()
      o = put(out, o, rowEnd)
      this.rows++
    }
    if (out.length > KEPT_BYTES) this.#out = EMPTY
    return out.subarray(0, o)
  }

  end(): Buffer {
    return EMPTY
  }

  #headerLine(): Buffer {
    const { delimiter, rowEnd, kinds, dress } = this.#style
    const names = this.#columns
    const line = Buffer.allocUnsafe(names.reduce((sum, name) => sum + 2 * name.length + 3, 1))
    let length = 0
    for (const [column, name] of names.entries()) {
      if (column > 0) length = put(line, length, delimiter)
      const start = length
      length += name.copy(line, length)
      const seen = name.reduce((kindsSoFar, byte) => kindsSoFar | (kinds[byte] as number), 0)
      length = dress(line, start, length, seen, -1)
    }
    return line.subarray(0, put(line, length, rowEnd))
  }

  #buffer(bytes: number): Buffer {
    const current = this.#out.length
    if (current < bytes) this.#out = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, bytes))
    return this.#out
  }

  #grow(used: number, room: number): Buffer {
    const larger = Buffer.allocUnsafeSlow(Math.ceil((used + room) * 1.5))
    this.#out.copy(larger, 0, 0, used)
    this.#out = larger
    return larger
  }
}

function put(out: Buffer, at: number, byte: number | undefined): number {
  if (byte === undefined) return at
  out[at] = byte
  return at + 1
}

const malformed = (): Error => new Error('a row is not a record literal of the given columns')
