import { loadModule, parseSync, type RawStmt, SqlError, scanSync } from 'libpg-query'
import type { StorageEndpoints } from '../storage/endpoints.ts'
import { type DecodedTexts, isAscii } from './encoding.ts'
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
  /**
   * Broken: the parser refuses it; without tokens, because it ends inside of one. Too complex: its stack ended first, and
   * PostgreSQL's need not.
   */
  readonly reading: 'read' | 'broken' | 'too complex'
  /** Where in the query text a location of the parser's is. */
  offsetOf(location: number): number
}

/** The parser's stack has ended once; after some such ends it fails at everything, so its thread should not go on. */
export const parserHealth = { isShaken: false }

/** Whether a word may be the function's name: the parser has to read the statement then. */
export const namesAccountAdd = ({ text }: Token): boolean => /^(account_add$|"account_add"$|u&")/i.test(text)

/** Whether a word may belong to the name of one of the settings: as such, or given to set_config() in any form of literal. */
export const namesSetting = ({ text }: Token): boolean =>
  /^(azure_storage$|(["']|[en]'|\$).*azure_storage|u&)/is.test(text)

/** Whether a word may be the name of a function of ours whose statement may run another way. */
export const namesBlobFunction = ({ text }: Token): boolean => /^"?blob_put"?$/i.test(text)

const CATALOGUE = /^"?(pg_available_extensions|pg_available_extension_versions|pg_settings)"?$/i
/** Whether a word may be the name of a system view that lists extensions or settings. */
export const namesCatalogue = ({ text }: Token): boolean => CATALOGUE.test(text)

/** What the meaning of a query text's bytes hangs on. */
export interface TextSettings {
  readonly encoding: string
  readonly standardConformingStrings: boolean
}

export interface SqlSettings extends TextSettings {
  readonly endpoints: StorageEndpoints
  readonly decoded?: DecodedTexts
  /** Statements about extensions are read too, for the list of those that Azure allows. */
  readonly strictAzure?: boolean
  /** What Azure's own does not have is on, whatever the session says. */
  readonly extras?: boolean
  /** Of options that not every version has; the newest, where it is not said. */
  readonly serverMajorVersion?: number
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

/** Whether a byte begins a character whose second byte may be an ASCII byte. */
export const isUnsafeLead = (encoding: string): ((byte: number) => boolean) =>
  UNSAFE_ENCODINGS[encoding] ?? (() => false)

export const isUnsafeEncoding = (encoding: string): boolean => encoding in UNSAFE_ENCODINGS

/**
 * Splits a query text into its statements, and has PostgreSQL's own parser read those that may be ours or may matter to
 * ours, one by one as they are asked for; the others' nodes are empty. One where that cannot be told. `text` is latin1:
 * one char a byte, so that bytes of any client encoding come out as they went in.
 */
export function* splitStatements(text: string, settings: TextSettings): Generator<RawStatement> {
  const parsable = parsableText(text, settings)
  const words = parsable === undefined ? 'too complex' : scan(parsable.text)
  if (parsable === undefined || typeof words === 'string') yield unreadText(text, words as RawStatement['reading'])
  else for (const statement of splitWords(words)) yield readStatement(statement, parsable)
}

function readStatement(words: readonly Token[], parsable: EscapeStrings): RawStatement {
  const from = (words[0] as Token).start
  const to = (words.at(-1) as Token).end
  const source = parsable.text.slice(from, to)
  const { isVerbatim, originOf } = parsable
  const tokens = isVerbatim
    ? words
    : words.map(({ text, start, end }) => ({ text, start: originOf(start), end: originOf(end) }))
  const node = mayMatter(words) ? parse(source) : NOTHING
  let toChar: ((byteOffset: number) => number) | undefined
  return {
    node: typeof node === 'string' ? NOTHING : node,
    reading: typeof node === 'string' ? node : 'read',
    start: originOf(from),
    end: originOf(to),
    tokens,
    offsetOf(location) {
      toChar ??= byteToChar(source)
      return originOf(from + toChar(location))
    },
  }
}

const NOTHING = {} as RawStatement['node']

/** All of it: broken because of an open quote, or the like; too complex also where the parser knows no such literals. */
function unreadText(text: string, reading: RawStatement['reading']): RawStatement {
  return { node: NOTHING, start: 0, end: text.length, tokens: [], reading, offsetOf: location => location }
}

/** A semicolon ends a statement, but not in parentheses (rules) and not in the body of an SQL function. */
export function splitWords(words: readonly Token[]): Token[][] {
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

function mayMatter(statement: readonly Token[]): boolean {
  const [first, second] = statement.slice(0, 2).map(({ text }) => text.toLowerCase())
  if (first === 'copy' || first === 'create' || first === 'do' || second === 'extension') return true
  if (first === 'set' || first === 'reset' || first === 'alter') return statement.some(namesSetting)
  return statement.some(
    token => namesAccountAdd(token) || namesCatalogue(token) || namesSetting(token) || namesBlobFunction(token),
  )
}

export function parse(source: string): RawStatement['node'] | 'broken' | 'too complex' {
  try {
    return (parseSync(source).stmts?.[0]?.stmt ?? NOTHING) as RawStatement['node']
  } catch (error) {
    return error instanceof SqlError ? 'broken' : tooComplex()
  }
}

/** The parser takes standard_conforming_strings to be on, and every encoding to be safe. */
function parsableText(text: string, settings: TextSettings): EscapeStrings | undefined {
  const masked = maskTrailBytes(text, settings.encoding)
  const escapes = !settings.standardConformingStrings && masked.includes('\\')
  return escapes ? withEscapeStrings(masked) : { text: masked, isVerbatim: true, originOf: offset => offset }
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

/** The words of a text without its comments; broken where it does not consist of words, as behind an open quote. */
export function scan(text: string): Token[] | 'broken' | 'too complex' {
  const toChar = byteToChar(text)
  try {
    const { tokens } = scanSync(text)
    // Where its memory does not suffice, the scanner may end early without a word.
    if (/\S/.test(text.slice(toChar(tokens.at(-1)?.end ?? 0)))) return tooComplex()
    const words = tokens.filter(({ tokenName }) => tokenName !== 'SQL_COMMENT' && tokenName !== 'C_COMMENT')
    return isAscii(text)
      ? words
      : words.map(({ text, start, end }) => ({ text, start: toChar(start), end: toChar(end) }))
  } catch (error) {
    // What the scanner says of a text that it refuses is no JSON.
    return error instanceof SyntaxError ? 'broken' : tooComplex()
  }
}

function tooComplex(): 'too complex' {
  parserHealth.isShaken = true
  return 'too complex'
}

/** A trail byte that looks like a backslash or a letter must not be read as one. */
function maskTrailBytes(text: string, encoding: string): string {
  const isLead = UNSAFE_ENCODINGS[encoding]
  if (isLead === undefined) return text
  const masked = Buffer.from(text, 'latin1')
  for (let i = 0; i + 1 < masked.length; i++) {
    if (isLead(masked[i] as number)) masked[++i] = 0xff
  }
  return masked.toString('latin1')
}
