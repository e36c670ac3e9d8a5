import type { CopyStmt, RangeVar } from 'libpg-query'
import type { ResolvedFormat } from '../formats/format.ts'
import { PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { type BlobUrl, parseBlobUrl } from '../storage/blob-url.ts'
import { readCopyExtras } from './copy-extras.ts'
import type { CopyOption } from './copy-option.ts'
import { readCopyOptions, type WrittenOption } from './copy-options.ts'
import { asciiUrl, topLevel, withoutSecrets } from './copy-words.ts'
import { decodeText, isAscii, isDecodable, UndecodedText } from './encoding.ts'
import type { ExtraOptions } from './extra-options.ts'
import { type FilePattern, filePattern } from './file-pattern.ts'
import { isUnsafeEncoding, type RawStatement, type SqlSettings, type Token } from './query-text.ts'
import { quoteIdent } from './quote.ts'
import { rejectedUrl } from './rejected-rows.ts'
import { Rewrite } from './rewrite.ts'
import { isSkipOption, REJECTED } from './skip-options.ts'

/** A COPY from or to a blob, as plain data: it may have been read in another thread. */
export interface CopyStatement {
  readonly direction: 'from' | 'to'
  /** That it stands for. */
  readonly function?: 'blob_get' | 'blob_put'
  readonly url: BlobUrl
  readonly format: ResolvedFormat
  /** The table or view, quoted: what to_regclass() takes. Undefined where it is a query. */
  readonly relation: string | undefined
  readonly query: CopyQuery | undefined
  /** What Azure's own says of it, and the server where the session has no extras on. */
  readonly extra: PgErrorFields | undefined
  readonly extraOptions: ExtraOptions
  /** What is wrong with them, where extras are on. */
  readonly failure: PgErrorFields | undefined
  /** Of COPY FROM whose name may be a pattern, where extras are on. */
  readonly files: FilePattern | undefined
  /** The column list, without quotes. */
  readonly columns: readonly string[]
  /** Where the rows go whose values are refused. */
  readonly rejected: BlobUrl | undefined
  /** It is the blob's. */
  readonly isMatched?: boolean
  /** The statement as it was written, without the secrets of its URLs. */
  readonly original: string
  /** What stands in the place of its options. */
  readonly options: readonly WrittenOption[]
  /** The same as the parser has them, without those that are the extension's own. */
  readonly given: readonly CopyOption[]
  /** What its WHERE is made of. */
  readonly condition: Condition | undefined
  readonly places: CopyPlaces
}

/** `COPY (query) TO`. */
export interface CopyQuery {
  readonly text: string
  /** It can stand in a subquery. */
  readonly isSelect: boolean
}

export interface Condition {
  /** Of columns; and of what else is written alike. */
  readonly names: readonly string[]
  readonly hasSubquery: boolean
}

/** Where in the query text the parts of a COPY are. */
interface CopyPlaces {
  readonly start: number
  readonly relation: number
  /** The column list in its parentheses. */
  readonly columns: { readonly open: number; readonly close: number } | undefined
  /** FROM or TO. */
  readonly keyword: { readonly start: number; readonly end: number }
  readonly file: { readonly start: number; readonly end: number }
  readonly where: number | undefined
  readonly end: number
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
  const url = parseBlobUrl(readUrl(node.filename ?? '', text.slice(file.start, file.end), settings), settings.endpoints)
  const options = readCopyOptions(node.options ?? [], raw.offsetOf, settings.serverMajorVersion ?? Infinity)
  const extras = readCopyExtras(url, { direction, hasColumns: node.attlist !== undefined }, options)
  const { format } = extras
  const rejected = rejectedUrl(url, extras, options, settings)
  const relation = relationToken(node, raw, text)
  const query = readQuery(node, tokens.slice(0, keyword), text)
  const columns = query
    ? undefined
    : tokens.find(({ start, text }, i) => start > relation && i < keyword && text === '(')
  const where = topLevel(tokens, 'where', keyword)
  return {
    direction,
    url,
    format,
    relation: node.relation && relationName(node.relation),
    query,
    extra: settings.extras ? undefined : (query && noQuery()) || extras.unknown,
    extraOptions: extras.extraOptions,
    failure:
      query && needsSelect(query, format)
        ? noSelect(format)
        : (extras.failure ?? rejected.failure ?? unreadInServer(extras.extraOptions, statement, settings)),
    files: node.is_from ? filePattern(url, options, settings.encoding) : undefined,
    rejected: rejected.url,
    columns: (node.attlist ?? []).map(name => (name as { String: { sval: string } }).String.sval),
    original: withoutSecrets(node, raw, text, settings.encoding),
    options: extras.options,
    given: [...options.others, ...options.extras.filter(({ name }) => isSkipOption(name) && name !== REJECTED)],
    condition: node.whereClause && readCondition(node.whereClause),
    places: {
      start: raw.start,
      relation,
      columns: columns && { open: columns.start, close: (tokens[keyword - 1] as Token).start },
      keyword: rangeOf(tokens[keyword] as Token),
      file: rangeOf(file),
      where: tokens[where]?.start,
      end: raw.end,
    },
  }
}

/** One that the server's functions run for the client is put together anew, and the server decodes it no more. */
function unreadInServer(
  { onError }: ExtraOptions,
  statement: string,
  { encoding }: SqlSettings,
): PgErrorFields | undefined {
  if (onError === undefined || isDecodable(encoding) || isAscii(statement)) return undefined
  return {
    message: `azure_storage: COPY ON_ERROR must be ASCII text when client_encoding is ${encoding}`,
    code: SQLSTATE.featureNotSupported,
  }
}

/** `words` are those before TO: COPY, the query in its parentheses. */
function readQuery({ query }: CopyStmt, words: readonly Token[], text: string): CopyQuery | undefined {
  if (query === undefined) return undefined
  const [open, close] = [words[1], words.at(-1)] as [Token, Token]
  return { text: text.slice(open.end, close.start), isSelect: 'SelectStmt' in query }
}

const noQuery = (): PgErrorFields => ({
  message: 'azure_storage: Query is not supported while copying data to blob storage',
  code: SQLSTATE.featureNotSupported,
  hint: 'Create a view for the query and copy the view.',
})

const needsSelect = ({ isSelect }: CopyQuery, { format }: ResolvedFormat): boolean =>
  !isSelect && (format === 'parquet' || format === 'jsonl')

const noSelect = ({ format }: ResolvedFormat): PgErrorFields => ({
  message: `azure_storage: COPY to ${format} can take its rows from a SELECT alone`,
  code: SQLSTATE.featureNotSupported,
})

function readCondition(root: object): Condition {
  const names: string[] = []
  let hasSubquery = false
  const open: unknown[] = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    if ('SubLink' in node) hasSubquery = true
    if ('ColumnRef' in node) {
      const { fields } = node.ColumnRef as { fields: readonly { readonly String?: { readonly sval: string } }[] }
      const name = fields.at(-1)?.String?.sval
      if (name !== undefined) names.push(name)
    }
    open.push(...Object.values(node))
  }
  return { names, hasSubquery }
}

/**
 * The URL of the bytes in `filename`, which is the literal in `written` as the parser has read it.
 * @throws UndecodedText where the server has to read it first
 */
function readUrl(filename: string, written: string, { encoding, decoded }: SqlSettings): string {
  // What is beyond ASCII then is of escapes, which are characters.
  if (isAscii(written)) return filename
  if (isDecodable(encoding)) return decodeText(filename, encoding)
  if (written.includes('\\')) {
    throw new PgError({
      message: `azure_storage: a blob URL with escapes must be ASCII text when client_encoding is ${encoding}`,
      code: SQLSTATE.featureNotSupported,
    })
  }
  const url = decoded?.get(filename)
  if (url === undefined) throw new UndecodedText(filename)
  if (typeof url === 'string') return url
  throw new PgError(url)
}

const rangeOf = ({ start, end }: Token): { start: number; end: number } => ({ start, end })

/** Of what the rows of a COPY are selected. */
export interface SelectedRows {
  /** A select list, where the statement has no columns. */
  readonly list: string
  /** Without what inherits from it. */
  readonly only: boolean
}

/**
 * The COPY … STDIN/STDOUT that one with a URL becomes. With `select`, the rows of a query on the relation are copied
 * instead of the relation's own.
 */
export function rewriteCopy(copy: CopyStatement, text: string, select?: SelectedRows): Rewrite {
  const { direction, format, url, options, places } = copy
  const { start, relation, keyword, file, where, end } = places
  const rewrite = new Rewrite(text).put('COPY ', start)
  const asJson = format.format === 'jsonl' && direction === 'to'
  if (copy.isMatched) {
    rewrite.keep(relation, keyword.start).put(`(${copy.columns.map(quoteIdent).join(', ')}) `, keyword.start)
    rewrite.keep(keyword.start, keyword.end)
  } else if (select === undefined && !asJson) rewrite.keep(relation, keyword.end)
  else {
    if (asJson) rewrite.put(`(SELECT ${JSON_OF_ROW} FROM `, relation)
    if (select === undefined) rewrite.keep(relation, keyword.start)
    else putQuery(rewrite, places, select)
    rewrite.put(asJson ? ' AS r) TO' : ' TO', keyword.start)
  }
  rewrite.put(direction === 'from' ? ' STDIN' : ' STDOUT', file.start)
  rewrite.put(' WITH (', file.end)
  options.forEach((option, i) => {
    rewrite.put(`${i > 0 ? ', ' : ''}${option.text}`, option.location ?? file.start)
  })
  rewrite.put(')', end)
  if (where !== undefined) rewrite.put(' ', end).keep(where, end)
  // For whoever reads pg_stat_activity or the server's log.
  const shown = asciiUrl(url.redacted).replaceAll('*', '%2A')
  return rewrite.put(` /* ${shown} */`, end)
}

const JSON_OF_ROW = 'pg_catalog.row_to_json(r.*)'

function putQuery(rewrite: Rewrite, { relation, columns, keyword }: CopyPlaces, { list, only }: SelectedRows): void {
  rewrite.put('(SELECT ', relation)
  if (columns === undefined) rewrite.put(list, relation)
  else rewrite.keep(columns.open + 1, columns.close)
  rewrite
    .put(only ? ' FROM ONLY ' : ' FROM ', relation)
    .keep(relation, columns?.open ?? keyword.start)
    .put(')', keyword.start)
}

/** A relation's name as it was written, quoted. */
export function relationName({ catalogname, schemaname, relname }: RangeVar): string {
  return [catalogname, schemaname, relname].flatMap(name => (name ? [quoteIdent(name)] : [])).join('.')
}

/** Where the relation's name begins: after COPY, or after COPY BINARY. */
function relationToken(node: CopyStmt, raw: RawStatement, text: string): number {
  const first = raw.tokens[1] as Token
  const second = raw.tokens[2] as Token
  const binary = first.text.toLowerCase() === 'binary' && second.text !== '.' && second.text !== '('
  const isName = node.relation?.relname === 'binary' && /^(from|to)$/i.test(text.slice(second.start, second.end))
  return (binary && !isName ? second : first).start
}
