/** A text for a parser that takes standard_conforming_strings to be on, and where its chars come from. */
export interface EscapeStrings {
  readonly text: string
  /** Every char comes from its own place. */
  readonly isVerbatim?: true
  readonly originOf: (offset: number) => number
}

const INSERTED = ' E'
const LEXEME = /--|\/\*|u&'|["']|\$(?:[a-z_\x80-\xff][\w\x80-\xff]*)?\$|[a-z_\x80-\xff][\w$\x80-\xff]*'?/gi
/** What stands between the two parts of a literal that goes on behind the end of a line. */
const GAP = /[ \t\f\v]*[\r\n][ \t\f\v\r\n]*/y

/**
 * With standard_conforming_strings off a backslash in '…' is an escape: the same text with E'…' in its place. Undefined
 * for literals that have no such form (or that the server refuses then).
 */
export function withEscapeStrings(text: string): EscapeStrings | undefined {
  const literals = plainLiterals(text)
  if (literals === undefined) return undefined
  const origins = new Uint32Array(text.length + literals.length * INSERTED.length + 1)
  let rewritten = ''
  let done = 0
  for (const end of [...literals, text.length]) {
    for (let i = done; i < end; i++) origins[rewritten.length + i - done] = i
    rewritten += text.slice(done, end)
    done = end
    if (end === text.length) break
    origins.fill(end, rewritten.length, rewritten.length + INSERTED.length)
    rewritten += INSERTED
  }
  return {
    text: rewritten,
    originOf: offset => (offset < rewritten.length ? (origins[offset] as number) : text.length),
  }
}

/** Where the literals without a prefix begin. */
function plainLiterals(text: string): number[] | undefined {
  const starts: number[] = []
  LEXEME.lastIndex = 0
  for (let match = LEXEME.exec(text); match !== null; match = LEXEME.exec(text)) {
    const [word] = match
    const from = LEXEME.lastIndex
    if (word === '--') LEXEME.lastIndex = after(text, '\n', from)
    else if (word === '/*') LEXEME.lastIndex = endOfComment(text, from)
    else if (word === '"' || word.startsWith('$')) LEXEME.lastIndex = after(text, word, from)
    else if (word.endsWith("'")) {
      const prefix = word.slice(0, -1).toLowerCase()
      if (prefix === 'n' || prefix === 'u&') return undefined
      const isBits = prefix === 'b' || prefix === 'x'
      if (!isBits && prefix !== 'e') starts.push(from - 1)
      LEXEME.lastIndex = isBits ? after(text, "'", from) : endOfLiteral(text, from)
    }
  }
  return starts
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from)
  return at < 0 ? text.length : at + mark.length
}

function endOfComment(text: string, from: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = from
  for (let depth = 1; depth > 0; ) {
    const match = mark.exec(text)
    if (match === null) return text.length
    depth += match[0] === '/*' ? 1 : -1
  }
  return mark.lastIndex
}

function endOfLiteral(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === "'") {
      if (text[i + 1] === "'") {
        i++
        continue
      }
      GAP.lastIndex = i + 1
      if (!GAP.test(text) || text[GAP.lastIndex] !== "'") return i + 1
      i = GAP.lastIndex
    }
  }
  return text.length
}
