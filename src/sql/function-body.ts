import { isBlobUrl } from '../storage/blob-url.ts'
import type { Edit } from './catalogue.ts'
import { isAscii } from './encoding.ts'
import { type LiteralText, readLiteral } from './literal-text.ts'
import {
  isUnsafeEncoding,
  parse,
  type RawStatement,
  scan,
  splitWords,
  type TextSettings,
  type Token,
} from './query-text.ts'
import { quoteLiteral } from './quote.ts'

/** In a body: what is put at a place of it. */
interface Insertion {
  readonly at: number
  readonly text: string
}

const SCHEMA = 'azure_storage_private'
/** Around the expression of an EXECUTE. How a body was before can be told from these: see unwrap.ts. */
export const STATEMENT = `${SCHEMA}.statement(`
export const STATEMENT_OF_SELECT = `${STATEMENT}/* SELECT */ (SELECT `
/** Before what was a COPY of its own, in PL/pgSQL and in SQL. */
export const WAS_COPY = `EXECUTE ${STATEMENT}/* COPY */ `
export const WAS_COPY_IN_SQL = `SELECT ${SCHEMA}.run(/* COPY */ `

/**
 * What has to change in the body that a DO or CREATE FUNCTION or PROCEDURE gives, so that a COPY with a URL in it works:
 * it and all that EXECUTE runs goes through statement() (extension/statement.sql). Undefined where that is nothing.
 */
export function bodyEdits(
  raw: RawStatement,
  text: string,
  { encoding, ...settings }: TextSettings,
): Edit[] | undefined {
  const body = bodyOf(raw)
  if (body === undefined || !/copy/i.test(body.source)) return undefined
  if (isUnsafeEncoding(encoding) && !isAscii(text.slice(raw.start, raw.end))) return undefined
  const insertions = body.language === 'sql' ? insertionsInSql(body.source) : insertionsInPlpgsql(body.source)
  if (insertions.length === 0) return undefined
  const index = raw.tokens.findIndex(({ start, text }) => start >= body.location && isLiteral(text))
  const token = raw.tokens[index]
  if (token === undefined || raw.tokens[index + 1]?.text.toLowerCase() === 'uescape') return undefined
  const literal = readLiteral(text.slice(token.start, token.end), body.source, settings.standardConformingStrings)
  return literal === undefined
    ? [{ start: token.start, end: token.end, text: quoteLiteral(insert(body.source, insertions)) }]
    : insertions.map(({ at, text }) => insertInLiteral(literal, token.start, at, text))
}

function insertInLiteral(literal: LiteralText, start: number, at: number, text: string): Edit {
  const place = start + literal.originOf(at)
  return { start: place, end: place, text: literal.encode(text) }
}

function insert(source: string, insertions: readonly Insertion[]): string {
  let result = ''
  let done = 0
  for (const { at, text } of insertions) {
    result += source.slice(done, at) + text
    done = at
  }
  return result + source.slice(done)
}

const isLiteral = (word: string): boolean => /^(?:[en]?'|u&'|\$)/i.test(word)

interface Body {
  readonly language: 'plpgsql' | 'sql'
  readonly source: string
  /** The literal is the first one from there on. */
  readonly location: number
}

interface Option {
  readonly DefElem: {
    readonly defname: string
    readonly location?: number
    readonly arg?: { readonly String?: { readonly sval?: string }; readonly List?: { readonly items?: object[] } }
  }
}

function bodyOf({ node, offsetOf }: RawStatement): Body | undefined {
  let options: readonly object[] | undefined
  let language: string | undefined
  if ('DoStmt' in node) [options, language] = [node.DoStmt.args, 'plpgsql']
  else if ('CreateFunctionStmt' in node) options = node.CreateFunctionStmt.options
  let body: Option['DefElem'] | undefined
  for (const { DefElem: option } of (options ?? []) as Option[]) {
    if (option.defname === 'language') language = option.arg?.String?.sval
    else if (option.defname === 'as') body = option
  }
  if (body === undefined || (language !== 'plpgsql' && language !== 'sql')) return undefined
  const [first, second] = (body.arg?.List?.items ?? [body.arg]) as Option['DefElem']['arg'][]
  const source = first?.String?.sval
  if (source === undefined || second !== undefined) return undefined
  return { language, source, location: offsetOf(body.location ?? 0) }
}

function insertionsInSql(source: string): Insertion[] {
  const words = scan(source)
  if (typeof words === 'string') return []
  return splitWords(words).flatMap(statement => wrapCopy(source, statement, WAS_COPY_IN_SQL))
}

/**
 * What of each statement of PL/pgSQL comes before the statements in it ends at a word that is reserved there, outside of
 * parentheses; so does the expression of an EXECUTE. The grammar is not asked: its copy in the parser's library needs to
 * know the types that a body uses.
 */
function insertionsInPlpgsql(source: string): Insertion[] {
  const words = scan(source)
  if (typeof words === 'string') return []
  const insertions: Insertion[] = []
  const wordAt = (index: number): string => words[index]?.text.toLowerCase() ?? ''
  let at = 0
  while (at < words.length) {
    const word = ASSIGNED.has(wordAt(at + 1)) ? '' : wordAt(at)
    if (word === '<<') at += 3
    else if (word === '#')
      at += 3 // #variable_conflict error
    else if (BEFORE_STATEMENTS.has(word)) at++
    else if (word === 'if' || word === 'elsif' || word === 'elseif' || word === 'when') at = find(words, at, THEN) + 1
    else if (word === 'while' || word === 'for' || word === 'foreach') at = find(words, at, LOOP) + 1
    else if (word === 'case') at = find(words, at + 1, WHEN)
    else {
      const end = find(words, at, SEMICOLON)
      if (word === 'execute') {
        insertions.push(...wrapExecute(source, words.slice(at + 1, find(words, at + 1, EXPRESSION_ENDS))))
      } else if (word === 'copy') insertions.push(...wrapCopy(source, words.slice(at, end), WAS_COPY))
      at = end + 1
    }
  }
  return insertions
}

const ASSIGNED: ReadonlySet<string> = new Set([':=', '=', '.', '['])
const BEFORE_STATEMENTS: ReadonlySet<string> = new Set(['begin', 'declare', 'else', 'exception', 'loop', ';'])
const THEN: ReadonlySet<string> = new Set(['then'])
const LOOP: ReadonlySet<string> = new Set(['loop'])
const WHEN: ReadonlySet<string> = new Set(['when'])
const SEMICOLON: ReadonlySet<string> = new Set([';'])
const EXPRESSION_ENDS: ReadonlySet<string> = new Set([';', 'into', 'using'])

/** Index of the first such word outside of parentheses; behind the last one where there is none. */
function find(words: readonly Token[], from: number, wanted: ReadonlySet<string>): number {
  let depth = 0
  for (let i = from; i < words.length; i++) {
    const word = (words[i] as Token).text.toLowerCase()
    if (depth === 0 && wanted.has(word)) return i
    if (word === '(' || word === '[') depth++
    else if (word === ')' || word === ']') depth--
  }
  return words.length
}

function wrapExecute(source: string, expression: readonly Token[]): Insertion[] {
  const [first] = expression
  const last = expression.at(-1)
  if (first === undefined || last === undefined) return []
  const written = source.slice(first.start, last.end)
  if (written.startsWith(STATEMENT)) return []
  // One literal is the statement itself.
  if (expression.length === 1 && isLiteral(written) && !/copy|\\|u&/i.test(written)) return []
  const form = FORMS.find(({ open, close, reads }) => {
    const node = parse(`SELECT ${open}${written}\n${close}`)
    return typeof node !== 'string' && reads(node)
  })
  if (form === undefined) return []
  return [
    { at: first.start, text: form.open },
    { at: last.end, text: form.close },
  ]
}

/** PL/pgSQL takes an expression to be what follows SELECT, with FROM and all. */
const FORMS: readonly { open: string; close: string; reads: (node: object) => boolean }[] = [
  { open: STATEMENT, close: ')', reads: isCallWithOneArgument },
  { open: STATEMENT_OF_SELECT, close: '))', reads: node => callOf(node) !== undefined },
]

interface Call {
  readonly args?: readonly object[]
  readonly funcname?: object
  readonly location?: number
}

/** Of a SELECT of nothing but a call. */
function callOf(node: object): Call | undefined {
  const { SelectStmt: select } = node as { SelectStmt?: { targetList?: object[]; op?: string } }
  const isPlain = Object.keys(select ?? {}).every(key => ['targetList', 'limitOption', 'op'].includes(key))
  const [target, second] = select?.targetList ?? []
  const { ResTarget } = (target ?? {}) as { ResTarget?: { name?: string; val?: { FuncCall?: Call } } }
  return isPlain && second === undefined && ResTarget?.name === undefined ? ResTarget?.val?.FuncCall : undefined
}

function isCallWithOneArgument(node: object): boolean {
  const call = callOf(node)
  const isPlain = Object.keys(call ?? {}).every(key => ['funcname', 'args', 'location', 'funcformat'].includes(key))
  const [argument] = call?.args ?? []
  return isPlain && call?.args?.length === 1 && argument !== undefined && !('NamedArgExpr' in argument)
}

/** A COPY with a URL becomes a literal; on its own lines, as it was. */
function wrapCopy(source: string, words: readonly Token[], open: string): Insertion[] {
  const [first] = words
  const last = words.at(-1)
  if (first?.text.toLowerCase() !== 'copy' || last === undefined) return []
  const written = source.slice(first.start, last.end)
  if (written.startsWith(STATEMENT)) return []
  const node = parse(written)
  if (typeof node === 'string' || !('CopyStmt' in node)) return []
  const { filename = '', is_program } = node.CopyStmt
  if (is_program || !isBlobUrl(filename)) return []
  const isEscaped = written.includes('\\')
  const insertions: Insertion[] = [{ at: first.start, text: `${open}${isEscaped ? 'E' : ''}'` }]
  for (const match of written.matchAll(isEscaped ? /['\\]/g : /'/g)) {
    insertions.push({ at: first.start + match.index, text: match[0] })
  }
  insertions.push({ at: last.end, text: "')" })
  return insertions
}
