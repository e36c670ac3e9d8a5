import type { CopyStmt } from 'libpg-query'
import { redactUrl } from '../storage/blob-url.ts'
import { type AccountSecrets, masked } from './account-secrets.ts'
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
  const words = [{ start: file.start, end: file.end, url: filename ?? '' }, ...rejectedValues(options, raw)]
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

/** A COPY without blobs that has the option REJECTED: PostgreSQL will refuse it, and quote it in its log. */
export function rejectedSecrets({ options = [] }: CopyStmt, raw: RawStatement): AccountSecrets | undefined {
  const values = rejectedValues(options, raw)
  if (values.length === 0) return undefined
  return { secrets: values.map(({ start, end }) => masked(start, end, "'***'")), isCertain: true }
}

function rejectedValues(
  options: readonly object[],
  { tokens, offsetOf }: RawStatement,
): { start: number; end: number; url: string }[] {
  let word = 0
  return options.flatMap(node => {
    const { name, value, location } = readOption(node, offsetOf)
    if (name !== REJECTED || value === undefined) return []
    word = wordAt(tokens, location, word)
    return [{ ...valueRange(tokens, word), url: String(value) }]
  })
}

/** Whether such a statement, which stands in `text`, has one; also of a URL in which something else is wrong. */
export const hasSecret = (
  { copy, start, end }: { readonly copy: { readonly original: string }; readonly start: number; readonly end: number },
  text: string,
): boolean => copy.original !== text.slice(start, end)

function wordAt(tokens: readonly Token[], location: number | undefined, from: number): number {
  for (let i = from; i < tokens.length; i++) if (tokens[i]?.start === location) return i
  throw new Error('the parser has an option where there is no word')
}

/** All that stands between the word that is an option's name and the next option, whatever it is. */
function valueRange(tokens: readonly Token[], name: number): { start: number; end: number } {
  let depth = 0
  let next = name + 1
  for (; next < tokens.length; next++) {
    const { text } = tokens[next] as Token
    if (depth === 0 && (text === ',' || text === ')')) break
    if (text === '(') depth++
    if (text === ')') depth--
  }
  const [first, last] = [tokens[name + 1] as Token, tokens[next - 1] as Token]
  return { start: first.start, end: last.end }
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
