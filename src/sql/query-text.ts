import { loadModule, type ParseResult, parseSync, type RawStmt, scanSync } from 'libpg-query'
import { type EscapeStrings, withEscapeStrings } from './escape-strings.ts'

// The parser is WebAssembly, and its calls fail until it is there.
await loadModule()

/** A word of SQL; offsets are bytes of the query text, which is chars of its latin1 form. */
export interface Token {
  readonly text: string
  readonly start: number
  readonly end: number
}

export interface RawStatement {
  readonly node: NonNullable<RawStmt['stmt']>
  /** First word to end of last word. */
  readonly start: number
  readonly end: number
  readonly tokens: readonly Token[]
  /** Where in the query text a location of the parser's is. */
  offsetOf(location: number): number
}

/** What the meaning of a query text's bytes hangs on. */
export interface TextSettings {
  readonly encoding: string
  readonly standardConformingStrings: boolean
}

/** Client encodings in which the second byte of a character may be an ASCII byte, and their lead bytes. */
const UNSAFE_ENCODINGS: Readonly<Record<string, (byte: number) => boolean>> = {
  SJIS: byte => (byte >= 0x81 && byte <= 0x9f) || (byte >= 0xe0 && byte <= 0xfc),
  SHIFT_JIS_2004: byte => (byte >= 0x81 && byte <= 0x9f) || (byte >= 0xe0 && byte <= 0xfc),
  BIG5: byte => byte >= 0x81,
  GBK: byte => byte >= 0x81,
  UHC: byte => byte >= 0x81,
  JOHAB: byte => byte >= 0x81,
  GB18030: byte => byte >= 0x81,
}

export const isUnsafeEncoding = (encoding: string): boolean => encoding in UNSAFE_ENCODINGS

/**
 * Splits a query text into its statements with PostgreSQL's own parser; undefined where it does not parse (the server
 * will say why). `text` is latin1: one char a byte, so that bytes of any client encoding come out as they went in.
 */
export function splitStatements(text: string, settings: TextSettings): RawStatement[] | undefined {
  const parsable = parsableText(text, settings)
  if (parsable === undefined) return undefined
  const toChar = byteToChar(parsable.text)
  const offsetOf = (location: number): number => parsable.originOf(toChar(location))
  let parsed: ParseResult
  try {
    parsed = parseSync(parsable.text)
  } catch {
    return undefined
  }
  return (parsed.stmts ?? []).map(raw => {
    const from = toChar(raw.stmt_location ?? 0)
    const to = raw.stmt_len ? toChar((raw.stmt_location ?? 0) + raw.stmt_len) : parsable.text.length
    const tokens = scan(parsable.text.slice(from, to), offset => parsable.originOf(from + offset))
    return {
      node: raw.stmt as NonNullable<RawStmt['stmt']>,
      start: tokens[0]?.start ?? parsable.originOf(from),
      end: tokens.at(-1)?.end ?? parsable.originOf(to),
      tokens,
      offsetOf,
    }
  })
}

/** The parser takes standard_conforming_strings to be on, and every encoding to be safe. */
function parsableText(text: string, settings: TextSettings): EscapeStrings | undefined {
  const masked = maskTrailBytes(text, settings.encoding)
  const escapes = !settings.standardConformingStrings && masked.includes('\\')
  return escapes ? withEscapeStrings(masked) : { text: masked, originOf: offset => offset }
}

/** The parser counts bytes of its UTF-8 form of the text; this is where they are in the text. */
export function byteToChar(text: string): (byteOffset: number) => number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything that is not ASCII
  if (/^[\x00-\x7f]*$/.test(text)) return byteOffset => byteOffset
  const chars = new Uint32Array(text.length * 2 + 1)
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    chars[bytes++] = i
    if (text.charCodeAt(i) >= 0x80) chars[bytes++] = i
  }
  chars[bytes] = text.length
  return byteOffset => chars[byteOffset] ?? text.length
}

function scan(text: string, originOf: (offset: number) => number): Token[] {
  const toChar = byteToChar(text)
  const offsetOf = (location: number): number => originOf(toChar(location))
  return scanSync(text)
    .tokens.filter(token => token.tokenName !== 'SQL_COMMENT' && token.tokenName !== 'C_COMMENT')
    .map(token => ({ text: token.text, start: offsetOf(token.start), end: offsetOf(token.end) }))
}

/** A trail byte that looks like a backslash or a letter must not be read as one. */
function maskTrailBytes(text: string, encoding: string): string {
  const isLead = UNSAFE_ENCODINGS[encoding]
  if (isLead === undefined) return text
  let masked = ''
  for (let i = 0; i < text.length; i++) {
    masked += text[i]
    if (isLead(text.charCodeAt(i)) && i + 1 < text.length) {
      masked += '\xff'
      i++
    }
  }
  return masked
}
