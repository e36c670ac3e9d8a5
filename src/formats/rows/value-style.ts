import { bytesMatch } from './row-decoder.ts'

/** Kinds of bytes, as bits. */
const SPECIAL = 1
const ESCAPED = 2

/** How a format writes values of a record. */
export interface ValueStyle {
  readonly nullValue: Buffer
  /** Between values, and after a row; undefined: nothing. */
  readonly delimiter: number | undefined
  readonly rowEnd: number | undefined
  /** SPECIAL for the bytes that `dress` has to know of, ESCAPED for those that it puts another byte before. */
  readonly kinds: Uint8Array
  /**
   * Makes of the value in [start, end) what the format writes, and returns where that ends. `seen` is the kinds that its bytes
   * are of; `column` is -1 in the header. There is room for twice the value and two bytes.
   */
  dress(out: Buffer, start: number, end: number, seen: number, column: number): number
}

export interface CsvStyle {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
  readonly nullString: Buffer
  /** By column. */
  readonly forceQuote: readonly boolean[]
  readonly singleColumn: boolean
}

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const BACKSLASH = 0x5c
const END_MARKER = Buffer.from('\\.')

/** COPY TO … CSV. */
export function csvStyle({
  delimiter,
  quote,
  escape: escapeByte,
  nullString,
  forceQuote,
  singleColumn,
}: CsvStyle): ValueStyle {
  const kinds = table([delimiter, quote, ...Buffer.from('\r\n')], SPECIAL)
  for (const byte of [quote, escapeByte]) kinds[byte] = (kinds[byte] as number) | ESCAPED

  const needsQuotes = (out: Buffer, start: number, end: number, column: number): boolean =>
    forceQuote[column] === true ||
    isValue(out, start, end, nullString) ||
    (singleColumn && isValue(out, start, end, END_MARKER))

  function dress(out: Buffer, start: number, end: number, seen: number, column: number): number {
    if ((seen & SPECIAL) === 0 && !needsQuotes(out, start, end, column)) return end
    return quoted(out, start, end, (seen & ESCAPED) === 0 ? 0 : countEscaped(kinds, out, start, end))
  }

  function quoted(out: Buffer, start: number, end: number, escaped: number): number {
    const last = end + escaped + 1
    if (escaped === 0) out.copyWithin(start + 1, start, end)
    else {
      for (let from = end - 1, to = last; from >= start; from--) {
        const byte = out[from] as number
        out[--to] = byte
        if (((kinds[byte] as number) & ESCAPED) !== 0) out[--to] = escapeByte
      }
    }
    out[start] = quote
    out[last] = quote
    return last + 1
  }
  return { nullValue: nullString, delimiter, rowEnd: LF, kinds, dress }
}

/** The bytes that COPY's text format writes as a backslash and a letter. */
const LETTERS: readonly [string, string][] = [...'bfnrtv'].map((letter, i) => ['\b\f\n\r\t\v'[i] as string, letter])

/** COPY TO … in its text format. */
export function tsvStyle(delimiter: number, nullString: Buffer): ValueStyle {
  const letters = new Uint8Array(256)
  letters[delimiter] = delimiter
  letters[BACKSLASH] = BACKSLASH
  for (const [char, letter] of LETTERS) letters[char.charCodeAt(0)] = letter.charCodeAt(0)
  const kinds = letters.map(letter => (letter === 0 ? 0 : ESCAPED))

  function dress(out: Buffer, start: number, end: number, seen: number): number {
    if (seen === 0) return end
    const escaped = countEscaped(kinds, out, start, end)
    let to = end + escaped
    for (let from = end - 1; from >= start; from--) {
      const byte = out[from] as number
      const letter = letters[byte] as number
      out[--to] = letter === 0 ? byte : letter
      if (letter !== 0) out[--to] = BACKSLASH
    }
    return end + escaped
  }
  return { nullValue: nullString, delimiter, rowEnd: LF, kinds, dress }
}

/** The values of one column and nothing else. */
export const TEXT_STYLE: ValueStyle = {
  nullValue: Buffer.alloc(0),
  delimiter: undefined,
  rowEnd: undefined,
  kinds: new Uint8Array(256),
  dress: (_out, _start, end) => end,
}

/** A JSON value a line: what would end the line is space between its parts. */
export const JSON_LINES_STYLE: ValueStyle = {
  nullValue: Buffer.alloc(0),
  delimiter: undefined,
  rowEnd: LF,
  kinds: table([...Buffer.from('\r\n')], SPECIAL),
  dress(out, start, end, seen) {
    for (let i = start; seen !== 0 && i < end; i++) {
      if (out[i] === LF || out[i] === CR) out[i] = SPACE
    }
    return end
  },
}

function table(bytes: readonly number[], kind: number): Uint8Array {
  const kinds = new Uint8Array(256)
  for (const byte of bytes) kinds[byte] = kind
  return kinds
}

const isValue = (out: Buffer, start: number, end: number, expected: Buffer): boolean =>
  end - start === expected.length && bytesMatch(out, start, expected)

function countEscaped(kinds: Uint8Array, bytes: Buffer, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; i++) if (((kinds[bytes[i] as number] as number) & ESCAPED) !== 0) count++
  return count
}
