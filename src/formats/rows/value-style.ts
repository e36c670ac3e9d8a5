import { bytesMatch } from './row-decoder.ts'

/** How a format writes values of a record. */
export interface ValueStyle {
  readonly nullValue: Buffer
  /** Between values, and after a row; undefined: nothing. */
  readonly delimiter: number | undefined
  readonly rowEnd: number | undefined
  /** 1 for the bytes that `dress` has to know of. */
  readonly special: Uint8Array
  /**
   * Makes of the value in [start, end) what the format writes, and returns where that ends. `specials` is how many of its
   * bytes are special, `column` -1 in the header. There is room for twice the value and two bytes.
   */
  dress(out: Buffer, start: number, end: number, specials: number, column: number): number
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
  const quotable = flags([delimiter, quote, ...Buffer.from('\r\n')])
  const doubled = flags([quote, escapeByte])

  const needsQuotes = (out: Buffer, start: number, end: number, column: number): boolean =>
    forceQuote[column] === true ||
    isValue(out, start, end, nullString) ||
    (singleColumn && isValue(out, start, end, END_MARKER))

  function dress(out: Buffer, start: number, end: number, specials: number, column: number): number {
    let quotes = needsQuotes(out, start, end, column)
    if (specials === 0 && !quotes) return end
    let escapes = 0
    for (let i = start; i < end; i++) {
      const byte = out[i] as number
      if (quotable[byte] !== 0) quotes = true
      escapes += doubled[byte] as number
    }
    if (!quotes) return end
    let to = end + escapes + 2
    out[--to] = quote
    for (let from = end - 1; from >= start; from--) {
      const byte = out[from] as number
      out[--to] = byte
      if (doubled[byte] !== 0) out[--to] = escapeByte
    }
    out[start] = quote
    return end + escapes + 2
  }
  const special = quotable.map((flag, byte) => flag | (doubled[byte] as number))
  return { nullValue: nullString, delimiter, rowEnd: LF, special, dress }
}

/** The bytes that COPY's text format writes as a backslash and a letter. */
const LETTERS: readonly [string, string][] = [...'bfnrtv'].map((letter, i) => ['\b\f\n\r\t\v'[i] as string, letter])

/** COPY TO … in its text format. */
export function tsvStyle(delimiter: number, nullString: Buffer): ValueStyle {
  const letters = new Uint8Array(256)
  letters[delimiter] = delimiter
  letters[BACKSLASH] = BACKSLASH
  for (const [char, letter] of LETTERS) letters[char.charCodeAt(0)] = letter.charCodeAt(0)

  function dress(out: Buffer, start: number, end: number, specials: number): number {
    if (specials === 0) return end
    let to = end + specials
    for (let from = end - 1; from >= start; from--) {
      const byte = out[from] as number
      const letter = letters[byte] as number
      out[--to] = letter === 0 ? byte : letter
      if (letter !== 0) out[--to] = BACKSLASH
    }
    return end + specials
  }
  const special = letters.map(letter => (letter === 0 ? 0 : 1))
  return { nullValue: nullString, delimiter, rowEnd: LF, special, dress }
}

/** The values of one column and nothing else. */
export const TEXT_STYLE: ValueStyle = {
  nullValue: Buffer.alloc(0),
  delimiter: undefined,
  rowEnd: undefined,
  special: new Uint8Array(256),
  dress: (_out, _start, end) => end,
}

/** A JSON value a line: what would end the line is space between its parts. */
export const JSON_LINES_STYLE: ValueStyle = {
  nullValue: Buffer.alloc(0),
  delimiter: undefined,
  rowEnd: LF,
  special: flags([...Buffer.from('\r\n')]),
  dress(out, start, end, specials) {
    for (let i = start; specials > 0 && i < end; i++) {
      if (out[i] === LF || out[i] === CR) out[i] = SPACE
    }
    return end
  },
}

function flags(bytes: readonly number[]): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of bytes) table[byte] = 1
  return table
}

const isValue = (out: Buffer, start: number, end: number, expected: Buffer): boolean =>
  end - start === expected.length && bytesMatch(out, start, expected)
