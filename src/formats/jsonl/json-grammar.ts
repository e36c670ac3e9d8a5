/** Bytes that JSON is made of. */
export const BYTE = {
  newline: 0x0a,
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  letterU: 0x75,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const

/** Between the parts of a line. */
export const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d

/** Bytes that stand for themselves in a string. */
export const PLAIN = new Uint8Array(256).map((_, byte) =>
  byte < 0x20 || byte === BYTE.quote || byte === BYTE.backslash ? 0 : 1,
)

/** What a letter behind a backslash stands for. */
export const ESCAPES: ReadonlyMap<number, number> = new Map(
  [...'"\\/bfnrt'].map((letter, i) => [letter.charCodeAt(0), '"\\/\b\f\n\r\t'.charCodeAt(i)]),
)

/** By their first letter. */
export const WORDS: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map(word => [word.charCodeAt(0), Buffer.from(word)]),
)

const DIGITS = '0123456789'

/** The grammar of numbers: where what was read of one has brought us, and what may follow. */
type NumberState = 'minus' | 'zero' | 'digits' | 'point' | 'fraction' | 'e' | 'sign' | 'exponent'
const NUMBERS: Readonly<Record<NumberState, Readonly<Record<string, NumberState>>>> = {
  minus: { '0': 'zero', '123456789': 'digits' },
  zero: { '.': 'point', eE: 'e' },
  digits: { [DIGITS]: 'digits', '.': 'point', eE: 'e' },
  point: { [DIGITS]: 'fraction' },
  fraction: { [DIGITS]: 'fraction', eE: 'e' },
  e: { '+-': 'sign', [DIGITS]: 'exponent' },
  sign: { [DIGITS]: 'exponent' },
  exponent: { [DIGITS]: 'exponent' },
}
const NAMES = Object.keys(NUMBERS) as NumberState[]

/** From where a number begins, and from behind its minus sign. */
export const NUMBER_START = NAMES.indexOf('minus') + 1
export const isWhole = (state: number): boolean =>
  ['zero', 'digits', 'fraction', 'exponent'].includes(NAMES[state - 1] as string)

/** Where a byte brings us from a state; 0: the number has ended before it. */
const STEPS = new Uint8Array((NAMES.length + 1) * 256)
for (const [i, name] of NAMES.entries()) {
  for (const [bytes, next] of Object.entries(NUMBERS[name])) {
    for (const byte of Buffer.from(bytes)) STEPS[(i + 1) * 256 + byte] = NAMES.indexOf(next) + 1
  }
}
export const numberStep = (state: number, byte: number): number => STEPS[state * 256 + byte] as number
