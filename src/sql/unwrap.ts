import { STATEMENT, STATEMENT_OF_SELECT, WAS_COPY, WAS_COPY_IN_SQL } from './function-body.ts'

/** The longer ones first: each begins with those behind it. */
const MARKS = [WAS_COPY, WAS_COPY_IN_SQL, STATEMENT_OF_SELECT, STATEMENT]
const MARK = new RegExp(MARKS.map(mark => mark.replace(/[.*()/]/g, '\\$&')).join('|'))
const LEXEME = /--[^\r\n]*|\/\*|e'|["'()]|\$(?:[a-z_\x80-\xff][\w\x80-\xff]*)?\$|[a-z_\x80-\xff][\w$\x80-\xff]*/gi

/** The body of a function as it was before bodyEdits() changed it. */
export function unwrapBody(source: string): string {
  let result = ''
  let rest = source
  for (let match = MARK.exec(rest); match !== null; match = MARK.exec(rest)) {
    const [mark] = match
    const from = match.index + mark.length
    const inner =
      mark === WAS_COPY || mark === WAS_COPY_IN_SQL ? readCopy(rest, from) : readExpression(rest, from, mark)
    result += rest.slice(0, inner === undefined ? from : match.index)
    if (inner !== undefined) result += inner.isNested ? unwrapBody(inner.text) : inner.text
    rest = rest.slice(inner?.end ?? from)
  }
  return result + rest
}

interface Inner {
  readonly text: string
  readonly end: number
  readonly isNested?: true
}

function readCopy(source: string, from: number): Inner | undefined {
  const quoted = /^(E?)'((?:[^'\\]|''|\\\\)*)'\)/.exec(source.slice(from))
  if (quoted === null) return undefined
  const [all, prefix, text = ''] = quoted
  const undoubled = text.replaceAll("''", "'")
  return { text: prefix === '' ? undoubled : undoubled.replaceAll('\\\\', '\\'), end: from + all.length }
}

function readExpression(source: string, from: number, mark: string): Inner | undefined {
  const close = mark === STATEMENT ? ')' : '))'
  const end = closingParenthesis(source, from)
  if (end < 0 || !source.startsWith(close, end)) return undefined
  return { text: source.slice(from, end), end: end + close.length, isNested: true }
}

/** -1 where there is none. */
function closingParenthesis(source: string, from: number): number {
  let depth = 0
  LEXEME.lastIndex = from
  for (let match = LEXEME.exec(source); match !== null; match = LEXEME.exec(source)) {
    const [word] = match
    const after = LEXEME.lastIndex
    if (word === '(') depth++
    else if (word === ')') {
      if (depth-- === 0) return match.index
    } else if (word === '/*') LEXEME.lastIndex = afterComment(source, after)
    else if (word === "'" || word === '"') LEXEME.lastIndex = afterQuote(source, after, word, false)
    else if (/^e'$/i.test(word)) LEXEME.lastIndex = afterQuote(source, after, "'", true)
    else if (word.startsWith('$')) LEXEME.lastIndex = afterMark(source, after, word)
  }
  return -1
}

function afterMark(source: string, from: number, mark: string): number {
  const at = source.indexOf(mark, from)
  return at < 0 ? source.length : at + mark.length
}

/** A doubled quote is the end of one literal and the beginning of another, which comes to the same. */
function afterQuote(source: string, from: number, quote: string, escapes: boolean): number {
  for (let at = from; at < source.length; at++) {
    if (escapes && source[at] === '\\') at++
    else if (source[at] === quote) {
      if (!escapes || source[at + 1] !== quote) return at + 1
      at++
    }
  }
  return source.length
}

function afterComment(source: string, from: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = from
  for (let depth = 1; depth > 0; ) {
    const match = mark.exec(source)
    if (match === null) return source.length
    depth += match[0] === '/*' ? 1 : -1
  }
  return mark.lastIndex
}
