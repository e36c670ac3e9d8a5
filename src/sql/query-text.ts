import { loadModule, parseSync, type RawStmt, scanSync } from 'libpg-query'
import { isAscii } from './encoding.ts'
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
  /** The parser refuses it; without tokens, because it ends inside of one. */
  readonly isBroken: boolean
  /** Where in the query text a location of the parser's is. */
  offsetOf(location: number): number
}

/** Whether a word may be the function's name: the parser has to read the statement then. */
export const namesAccountAdd = ({ text }: Token): boolean => /^(account_add$|"account_add"$|u&")/i.test(text)

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
 * Splits a query text into its statements, and has PostgreSQL's own parser read those that may be ours or may matter to
 * ours; the others' nodes are empty. Undefined where that cannot be told. `text` is latin1:
 * one char a byte, so that bytes of any client encoding come out as they went in.
 */
export function splitStatements(text: string, settings: TextSettings): RawStatement[] | undefined {
  const parsable = parsableText(text, settings)
  const words = parsable && scan(parsable.text)
  if (parsable === undefined) return undefined
  if (words === undefined) return [brokenText(text)]
  return splitWords(words).map(statement => {
    const from = (statement[0] as Token).start
    const to = (statement.at(-1) as Token).end
    const source = parsable.text.slice(from, to)
    const toChar = byteToChar(source)
    const tokens = statement.map(({ text, start, end }) => ({
      text,
      start: parsable.originOf(start),
      end: parsable.originOf(end),
    }))
    const node = mayMatter(statement) ? parse(source) : NOTHING
    return {
      node: node ?? NOTHING,
      isBroken: node === undefined,
      start: parsable.originOf(from),
      end: parsable.originOf(to),
      tokens,
      offsetOf: location => parsable.originOf(from + toChar(location)),
    }
  })
}

const NOTHING = {} as RawStatement['node']

/** An open quote, or the like: the server will say what. */
function brokenText(text: string): RawStatement {
  return { node: NOTHING, start: 0, end: text.length, tokens: [], isBroken: true, offsetOf: location => location }
}

/** A semicolon ends a statement, but not in parentheses (rules) and not in the body of an SQL function. */
function splitWords(words: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]]
  let depth = 0
  let body = 0
  words.forEach(({ text }, i) => {
    const word = text.toLowerCase()
    if (word === '(') depth++
    else if (word === ')') depth--
    else if (
      word === 'atomic' &&
      wordAt(words, i - 1) === 'begin' &&
      statements.at(-1)?.[0]?.text.toLowerCase() === 'create'
    )
      body++
    else if (body > 0 && word === 'end' && isBodyEnd(words, i)) body--
    if (word === ';' && depth === 0 && body === 0) statements.push([])
    else statements.at(-1)?.push(words[i] as Token)
  })
  return statements.filter(statement => statement.length > 0)
}

const wordAt = (words: readonly Token[], index: number): string | undefined => words[index]?.text.toLowerCase()

/** Other ENDs end a CASE, or are names of columns. */
function isBodyEnd(words: readonly Token[], index: number): boolean {
  const before = wordAt(words, index - 1)
  return before === ';' || (before === 'atomic' && wordAt(words, index - 2) === 'begin')
}

/**
 * The parser is recursive: a statement of very many words could exhaust its stack, and leave it unusable. None of ours
 * has so many.
 */
const MAX_WORDS = 8000

function mayMatter(statement: readonly Token[]): boolean {
  const [first, second] = statement.map(({ text }) => text.toLowerCase())
  if (statement.length > MAX_WORDS) return false
  if (first === 'copy' || first === 'create' || (first === 'alter' && second === 'extension')) return true
  return statement.some(namesAccountAdd)
}

function parse(source: string): RawStatement['node'] | undefined {
  try {
    return (parseSync(source).stmts?.[0]?.stmt ?? NOTHING) as RawStatement['node']
  } catch {
    return undefined
  }
}

/** The parser takes standard_conforming_strings to be on, and every encoding to be safe. */
function parsableText(text: string, settings: TextSettings): EscapeStrings | undefined {
  const masked = maskTrailBytes(text, settings.encoding)
  const escapes = !settings.standardConformingStrings && masked.includes('\\')
  return escapes ? withEscapeStrings(masked) : { text: masked, originOf: offset => offset }
}

/** The parser counts bytes of its UTF-8 form of the text; this is where they are in the text. */
function byteToChar(text: string): (byteOffset: number) => number {
  if (isAscii(text)) return byteOffset => byteOffset
  const chars = new Uint32Array(text.length * 2 + 1)
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    chars[bytes++] = i
    if (text.charCodeAt(i) >= 0x80) chars[bytes++] = i
  }
  chars[bytes] = text.length
  return byteOffset => chars[byteOffset] ?? text.length
}

/** The words of a text without its comments; undefined where it does not consist of words, as behind an open quote. */
function scan(text: string): Token[] | undefined {
  const toChar = byteToChar(text)
  try {
    return scanSync(text)
      .tokens.filter(token => token.tokenName !== 'SQL_COMMENT' && token.tokenName !== 'C_COMMENT')
      .map(token => ({ text: token.text, start: toChar(token.start), end: toChar(token.end) }))
  } catch {
    return undefined
  }
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
