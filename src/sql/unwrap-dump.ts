import { unwrapBody } from './unwrap.ts'

type Mode = 'data' | 'between' | 'function' | 'other'

const MAKES_FUNCTION = /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) /i
const TAKES_DATA = /^COPY .* FROM stdin/i
const IS_NO_STATEMENT = /^(?:--|\\|\s*$)/
/** As pg_dump writes it: quoted plainly only where there is no quote in it. */
const BODY = /(\s+AS )(\$\w*\$|')(.*?)\2/is
const MARK = /--|\/\*|\*\/|e'|['"]|\$(?:[a-z_\x80-\xff][\w\x80-\xff]*)?\$|[a-z_\x80-\xff][\w$\x80-\xff]*|\\/gi

/**
 * A dump as pg_dump writes it, line by line and one char a byte: what it makes functions with becomes what their authors
 * wrote, and everything else, rows of tables above all, stays.
 */
export class DumpUnwrapper {
  #mode: Mode = 'between'
  #statement = ''
  /** The quote or comment that a line has left open. */
  #open = ''

  /** A line with its end. */
  push(line: string): string {
    if (this.#mode === 'data') {
      if (/^\\\.\r?\n?$/.test(line)) this.#mode = 'between'
      return line
    }
    if (this.#mode === 'between') {
      if (IS_NO_STATEMENT.test(line)) return line
      this.#mode = MAKES_FUNCTION.test(line) ? 'function' : 'other'
    }
    this.#open = openBehind(line, this.#open)
    const isEnd = this.#open === '' && /;\s*$/.test(line)
    if (this.#mode === 'other') {
      if (isEnd) this.#mode = TAKES_DATA.test(line) ? 'data' : 'between'
      return line
    }
    this.#statement += line
    return isEnd ? this.end() : ''
  }

  end(): string {
    const statement = this.#statement
    this.#statement = ''
    this.#mode = 'between'
    return statement.replace(
      BODY,
      (_, as: string, quote: string, body: string) => `${as}${quote}${unwrapBody(body)}${quote}`,
    )
  }
}

function openBehind(line: string, before: string): string {
  let open = before
  MARK.lastIndex = 0
  for (let match = MARK.exec(line); match !== null; match = MARK.exec(line)) {
    const [word] = match
    if (open !== '') {
      if (word === '\\' && open === "e'") MARK.lastIndex++
      else if (word === (CLOSES[open] ?? open)) open = ''
      else if (word.length > 1 && !word.startsWith('$') && word !== '*/') {
        // The end may be part of what looks like a word.
        MARK.lastIndex = match.index + 1
      }
    } else if (word === '--') return open
    else if (/^(?:\/\*|e'|['"]|\$.*\$)$/i.test(word)) open = word.toLowerCase() === "e'" ? "e'" : word
  }
  return open
}

const CLOSES: Readonly<Record<string, string>> = { '/*': '*/', "e'": "'" }
