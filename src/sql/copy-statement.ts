import type { CopyStmt, RangeVar } from 'libpg-query'
import { type ResolvedFormat, resolveFormat } from '../formats/format.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { type BlobUrl, parseBlobUrl, redactUrl } from '../storage/blob-url.ts'
import type { SqlSettings } from './classify.ts'
import { readCopyOptions, writeCopyOptions } from './copy-options.ts'
import { decodeText, isAscii } from './encoding.ts'
import { isUnsafeEncoding, type RawStatement, type Token } from './query-text.ts'
import { quoteIdent, quoteLiteral } from './quote.ts'
import { Rewrite } from './rewrite.ts'

/** A COPY from or to a blob, and the COPY … STDIN/STDOUT it becomes. */
export interface CopyStatement {
  readonly direction: 'from' | 'to'
  readonly url: BlobUrl
  readonly format: ResolvedFormat
  /** The table or view, quoted: what to_regclass() takes. */
  readonly relation: string
  /** The column list, without quotes. */
  readonly columns: readonly string[]
  /** The statement as it was written, without the secrets of its URL. */
  readonly original: string
  /** With `select` (a select list), the rows of a query on the relation are copied instead of the relation's own. */
  rewrite(select?: string): Rewrite
}

/** @throws PgError for a URL or an option that cannot be. */
export function readCopyStatement(
  node: CopyStmt,
  raw: RawStatement,
  text: string,
  settings: SqlSettings,
): CopyStatement {
  const { tokens } = raw
  const direction = node.is_from ? 'from' : 'to'
  const keyword = topLevel(tokens, direction)
  const file = tokens[keyword + 1] as Token
  const statement = text.slice(raw.start, raw.end)
  if (isUnsafeEncoding(settings.encoding) && !isAscii(statement)) {
    throw new PgError({
      message: `azure_storage: COPY with a URL must be ASCII text when client_encoding is ${settings.encoding}`,
      code: SQLSTATE.featureNotSupported,
    })
  }
  const url = parseBlobUrl(decodeText(node.filename ?? '', settings.encoding), settings.endpoints)
  if (node.query || node.relation === undefined) {
    throw new PgError({
      message: 'azure_storage: Query is not supported while copying data to blob storage',
      code: SQLSTATE.featureNotSupported,
      hint: 'Create a view for the query and copy the view.',
    })
  }
  const options = readCopyOptions(node.options ?? [], raw.offsetOf)
  const format = resolveFormat(url.path, options.format, options.compression)
  const written = writeCopyOptions(options, format.format)

  const relation = relationName(node.relation)
  const relationStart = tokens.findIndex(token => token.start === relationToken(node, raw, text))
  const columnsStart = tokens.findIndex((token, i) => i > relationStart && i < keyword && token.text === '(')
  const where = topLevel(tokens, 'where', keyword)
  const shown = asciiUrl(url.redacted).replaceAll('*', '%2A')

  return {
    direction,
    url,
    format,
    relation,
    columns: (node.attlist ?? []).map(name => (name as { String: { sval: string } }).String.sval),
    original: withoutSecrets(node, raw, text, settings.encoding),
    rewrite(select) {
      const start = (tokens[relationStart] as Token).start
      const rewrite = new Rewrite(text).put('COPY ', raw.start)
      if (select === undefined) rewrite.keep(start, (tokens[keyword] as Token).end)
      else {
        const keywordStart = (tokens[keyword] as Token).start
        const columns = columnsStart < 0 ? undefined : (tokens[columnsStart] as Token).start
        rewrite.put('(SELECT ', start)
        if (columns === undefined) rewrite.put(select, start)
        else rewrite.keep(columns + 1, (tokens[keyword - 1] as Token).start)
        rewrite
          .put(' FROM ', start)
          .keep(start, columns ?? keywordStart)
          .put(') TO', keywordStart)
      }
      rewrite.put(direction === 'from' ? ' STDIN' : ' STDOUT', file.start)
      rewrite.put(' WITH (', file.end)
      written.forEach((option, i) => {
        rewrite.put(`${i > 0 ? ', ' : ''}${option.text}`, option.location ?? file.start)
      })
      rewrite.put(')', raw.end)
      if (where >= 0) rewrite.put(' ', raw.end).keep((tokens[where] as Token).start, raw.end)
      // For whoever reads pg_stat_activity or the server's log.
      return rewrite.put(` /* ${shown} */`, raw.end)
    },
  }
}

/** A relation's name as it was written, quoted. */
export function relationName({ catalogname, schemaname, relname }: RangeVar): string {
  return [catalogname, schemaname, relname].flatMap(name => (name ? [quoteIdent(name)] : [])).join('.')
}

/** The statement as it was written, without the secrets of its URL. */
export function withoutSecrets(
  { is_from, filename }: CopyStmt,
  raw: RawStatement,
  text: string,
  encoding: string,
): string {
  const file = raw.tokens[topLevel(raw.tokens, is_from ? 'from' : 'to') + 1] as Token
  const url = decodeText(filename ?? '', encoding)
  const redacted = redactUrl(url)
  const shown = redacted === url ? text.slice(file.start, file.end) : quoteLiteral(asciiUrl(redacted))
  return text.slice(raw.start, file.start) + shown + text.slice(file.end, raw.end)
}

/** A URL that means the same in every client encoding. */
const asciiUrl = (url: string): string => url.replace(/[^\x20-\x7e]+/g, encodeURIComponent)

/** Index of a keyword outside of parentheses; -1 where there is none. */
function topLevel(tokens: readonly Token[], keyword: string, after = 0): number {
  let depth = 0
  return tokens.findIndex((token, i) => {
    if (token.text === '(') depth++
    if (token.text === ')') depth--
    return depth === 0 && i > after && token.text.toLowerCase() === keyword
  })
}

/** Where the relation's name begins: after COPY, or after COPY BINARY. */
function relationToken(node: CopyStmt, raw: RawStatement, text: string): number {
  const first = raw.tokens[1] as Token
  const second = raw.tokens[2] as Token
  const binary = first.text.toLowerCase() === 'binary' && second.text !== '.' && second.text !== '('
  const isName = node.relation?.relname === 'binary' && /^(from|to)$/i.test(text.slice(second.start, second.end))
  return (binary && !isName ? second : first).start
}
