import { quoteLiteral } from '../sql/quote.ts'
import type { Inference } from './infer.ts'
import { quoteIdentIfNeeded } from './names.ts'
import type { InferredColumn } from './sample.ts'

/** Where a file is, in words of statements. */
export type Place =
  | {
      readonly kind: 'blob'
      readonly url: string
      readonly account: string
      readonly container: string
      readonly path: string
    }
  | { readonly kind: 'file'; readonly path: string }

export interface Statements {
  readonly createTable: string
  /** COPY of a blob; of a local file, as it will be once it is one. */
  readonly copy: string
  /** psql's, of a local file, where it can be loaded without a blob. */
  readonly psqlCopy: string | undefined
  /** A query of the blob as it is, with its `AS t(…)`. */
  readonly query: string
}

const CONTROLS = /\p{Cc}/u
const ACCOUNT = 'myaccount'
const CONTAINER = 'mycontainer'

export function statementsFor({ found, compression }: Inference, table: string, place: Place): Statements {
  const columns = columnsOf(found)
  const list = columns.map(({ name, type }) => `${quoteIdentIfNeeded(name)} ${type}`)
  const name = quoteIdentIfNeeded(table)
  const blob = place.kind === 'blob' ? place : asBlob(place.path)
  const file = blob.path
  const options = copyOptions(found, compressionOption(found, compression, file))
  const [head, tail] = [`COPY ${name} FROM `, options.length > 0 ? ` WITH (${options.join(', ')})` : '']
  return {
    createTable: `CREATE TABLE ${name} (\n${list.map(each => `  ${each}`).join(',\n')}\n);`,
    copy: `${head}${literal(blob.url)}${tail};`,
    psqlCopy: place.kind === 'file' ? psqlCopy(name, place.path, found, compression) : undefined,
    query: `SELECT * FROM azure_storage.blob_get(${blobArguments(found, compression, blob).join(', ')})\n  AS t (${list.join(', ')});`,
  }
}

function columnsOf(found: Inference['found']): readonly InferredColumn[] {
  return found.kind === 'document' ? [{ name: 'document', type: found.type }] : found.columns
}

/** Its blob's name is its own, for want of another. */
function asBlob(path: string): Place & { kind: 'blob' } {
  const name = path.split('/').at(-1) as string
  const url = `https://${ACCOUNT}.blob.core.windows.net/${CONTAINER}/${encodeURIComponent(name)}`
  return { kind: 'blob', url, account: ACCOUNT, container: CONTAINER, path: name }
}

/** Control characters as escapes: they are not for terminals that it is pasted into. */
const literal = (text: string): string => {
  const quoted = quoteLiteral(text).trim()
  if (!CONTROLS.test(text)) return quoted
  const escaped = quoted.replace(
    new RegExp(CONTROLS, 'gu'),
    each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return escaped.startsWith('E') ? escaped : `E${escaped}`
}

/** A byte that no terminal shows, or that editors change, as an escape. */
const character = (text: string): string =>
  text < ' ' ? `E'\\x${text.charCodeAt(0).toString(16).padStart(2, '0')}'` : literal(text)

function compressionOption(found: Inference['found'], compression: string, file: string): string | undefined {
  if (found.kind === 'parquet') return undefined
  const byName = file.endsWith('.gz') ? 'gzip' : 'none'
  return compression === byName ? undefined : compression
}

function formatOf(found: Inference['found']): string {
  if (found.kind === 'parquet') return 'parquet'
  // Some of these are keywords.
  return found.kind === 'document' ? literal(found.format) : found.writing.dialect.format
}

/** Those of rows, by COPY's names. */
function rowOptions(found: Inference['found']): [name: string, value: string][] {
  if (found.kind === 'parquet') return []
  const encoding: [string, string][] = []
  if (found.kind === 'document') {
    if (found.encoding !== 'UTF8') encoding.push(['ENCODING', literal(found.encoding)])
    return encoding
  }
  const { writing, header, nullString, forceNull, isAscii } = found
  const { format, delimiter, quote, escapedBy } = writing.dialect
  const options: [string, string][] = []
  if (header) options.push(['HEADER', ''])
  if (delimiter !== (format === 'csv' ? ',' : '\t')) options.push(['DELIMITER', character(delimiter)])
  if (format === 'csv' && quote !== '"') options.push(['QUOTE', character(quote)])
  if (format === 'csv' && escapedBy !== quote) options.push(['ESCAPE', character(escapedBy)])
  if (nullString !== undefined) options.push(['NULL', literal(nullString)])
  if (forceNull.length > 0) options.push(['FORCE_NULL', `(${forceNull.map(quoteIdentIfNeeded).join(', ')})`])
  // Whatever the encoding of the session that loads it.
  if (!isAscii) options.push(['ENCODING', literal(writing.encoding)])
  return options
}

function copyOptions(found: Inference['found'], compression: string | undefined): string[] {
  return [
    `FORMAT ${formatOf(found)}`,
    ...(compression === undefined ? [] : [`COMPRESSION ${compression}`]),
    ...rowOptions(found).map(([name, value]) => `${name} ${value}`.trim()),
  ]
}

/** What \copy reads is PostgreSQL's own: no Parquet, and no file that is one value. */
function psqlCopy(table: string, path: string, found: Inference['found'], compression: string): string | undefined {
  if (found.kind !== 'rows' || /[\r\n]/.test(path)) return undefined
  const options = rowOptions(found).map(([name, value]) => `${name} ${value}`.trim())
  const format = found.writing.dialect.format === 'csv' ? 'csv' : 'text'
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
  const from =
    compression === 'gzip' ? `PROGRAM ${quoted(`gzip -dc '${path.replaceAll("'", `'\\''`)}'`)}` : quoted(path)
  return `\\copy ${table} FROM ${from} WITH (${[`FORMAT ${format}`, ...options].join(', ')})`
}

const ARGUMENT: Readonly<Record<string, string>> = {
  HEADER: 'header',
  DELIMITER: 'delimiter',
  QUOTE: 'quote',
  ESCAPE: 'escape',
  NULL: 'null_string',
  FORCE_NULL: 'force_null',
  ENCODING: 'content_encoding',
}

function blobArguments(
  found: Inference['found'],
  compression: string,
  { account, container, path }: Place & { kind: 'blob' },
): string[] {
  const format = formatOf(found)
  const given = compressionOption(found, compression, path)
  const options = rowOptions(found).map(([name, value]) => {
    if (name === 'HEADER') return 'header := true'
    const list = found.kind === 'rows' ? found.forceNull.map(literal).join(', ') : ''
    return `${ARGUMENT[name]} := ${name === 'FORCE_NULL' ? `ARRAY[${list}]` : value}`
  })
  return [
    ...[account, container, path].map(literal),
    `decoder := ${found.kind === 'document' ? format : literal(format)}`,
    ...(given === undefined ? [] : [`compression := ${literal(given)}`]),
    ...(options.length > 0 ? [`options := azure_storage.options_copy(${options.join(', ')})`] : []),
  ]
}
