import type { CopyStmt } from 'libpg-query'
import { redactUrl } from '../storage/blob-url.ts'
import { readOption } from './copy-option.ts'
import { decodeText } from './encoding.ts'
import type { RawStatement, Token } from './query-text.ts'
import { quoteLiteral } from './quote.ts'
import { REJECTED } from './skip-options.ts'

/** The statement as it was written, without the secrets of its URLs. */
export function withoutSecrets(
  { is_from, filename, options = [] }: CopyStmt,
  raw: RawStatement,
  text: string,
  encoding: string,
): string {
  const { tokens } = raw
  const file = tokens[topLevel(tokens, is_from ? 'from' : 'to') + 1] as Token
  const words = [{ start: file.start, end: file.end, url: filename ?? '' }]
  for (const node of options) {
    const { name, value, location } = readOption(node, raw.offsetOf)
    if (name !== REJECTED) continue
    words.push({ ...valueRange(tokens, location), url: String(value ?? '') })
  }
  let shown = ''
  let done = raw.start
  for (const { start, end, url } of words) {
    const clear = decodeText(url, encoding)
    const redacted = redactUrl(clear)
    shown += text.slice(done, start) + (redacted === clear ? text.slice(start, end) : quoteLiteral(asciiUrl(redacted)))
    done = end
  }
  return shown + text.slice(done, raw.end)
}

/** Whether such a statement, which stands in `text`, has one; also of a URL in which something else is wrong. */
export const hasSecret = (
  { copy, start, end }: { readonly copy: { readonly original: string }; readonly start: number; readonly end: number },
  text: string,
): boolean => copy.original !== text.slice(start, end)

/** All that stands between an option's name and the next, whatever it is. */
function valueRange(tokens: readonly Token[], location: number | undefined): { start: number; end: number } {
  const name = tokens.findIndex(({ start }) => start === location)
  if (name < 0) throw new Error('the parser has an option where there is no word')
  let depth = 0
  const next = tokens.findIndex(({ text }, i) => {
    if (i <= name) return false
    if (depth === 0 && (text === ',' || text === ')')) return true
    if (text === '(') depth++
    if (text === ')') depth--
    return false
  })
  const [first, last] = [tokens[name + 1] as Token, tokens[next - 1] as Token]
  return { start: Math.min(first.start, last.end), end: last.end }
}

/** A URL that means the same in every client encoding. */
export const asciiUrl = (url: string): string => url.replace(/[^\x20-\x7e]+/g, encodeURIComponent)

/** Index of a keyword outside of parentheses; -1 where there is none. */
export function topLevel(tokens: readonly Token[], keyword: string, after = 0): number {
  let depth = 0
  return tokens.findIndex((token, i) => {
    if (token.text === '(') depth++
    if (token.text === ')') depth--
    return depth === 0 && i > after && token.text.toLowerCase() === keyword
  })
}
