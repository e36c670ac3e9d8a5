import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import type { Format } from '../format.ts'
import { encodingName } from './content-encoding.ts'

/** `options` of blob_get and blob_put, checked; one-byte characters as their bytes. */
export interface RowOptions {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
  readonly nullString: string
  readonly header: boolean
  /** Names of columns. */
  readonly forceQuote: readonly string[]
  readonly forceNotNull: readonly string[]
  readonly forceNull: readonly string[]
  /** By PostgreSQL's name; undefined: that of the client. */
  readonly contentEncoding: string | undefined
}

export type Direction = 'get' | 'put'

interface Given {
  delimiter?: string
  null_string?: string
  header?: boolean
  quote?: string
  escape?: string
  force_quote?: readonly string[]
  force_not_null?: readonly string[]
  force_null?: readonly string[]
  content_encoding?: string
}

const READERS: { readonly [K in keyof Required<Given>]: (key: string, value: unknown) => Required<Given>[K] } = {
  delimiter: readText,
  null_string: readText,
  header: readBoolean,
  quote: readText,
  escape: readText,
  force_quote: readNames,
  force_not_null: readNames,
  force_null: readNames,
  content_encoding: readText,
}

const CSV_ONLY = ['quote', 'escape', 'force_quote', 'force_not_null', 'force_null'] as const
const ROW_ONLY = ['delimiter', 'null_string', 'header'] as const
/** What would be an escape sequence, as PostgreSQL has it. */
const NO_TSV_DELIMITER = /[\\.a-z0-9]/

/** Checks the jsonb `options` in the order in which COPY does, and with its messages. @throws PgError */
export function readRowOptions(options: unknown, format: Format, direction: Direction): RowOptions {
  const given = readGiven(options)
  if (format !== 'csv' && format !== 'tsv')
    refuse(given, ROW_ONLY, name => `cannot specify ${name} with ${format} format`)
  if (format !== 'csv') refuse(given, CSV_ONLY, name => `COPY ${name} requires CSV mode`)
  if (format === 'parquet') refuse(given, ['content_encoding'], name => `cannot specify ${name} with parquet format`)
  if (direction === 'get') refuse(given, ['force_quote'], name => `COPY ${name} cannot be used with COPY FROM`)
  else refuse(given, ['force_not_null', 'force_null'], name => `COPY ${name} cannot be used with COPY TO`, invalid)

  const csv = format === 'csv'
  const { delimiter = csv ? ',' : '\t', quote = '"', null_string: nullString = csv ? '' : '\\N' } = given
  const delimiterByte = oneByte('delimiter', delimiter)
  if (/[\r\n]/.test(delimiter)) throw invalid('COPY delimiter cannot be newline or carriage return')
  if (/[\r\n]/.test(nullString)) throw invalid('COPY null representation cannot use newline or carriage return')
  if (!csv && NO_TSV_DELIMITER.test(delimiter)) throw invalid(`COPY delimiter cannot be "${delimiter}"`)
  const quoteByte = oneByte('quote', quote)
  if (csv && delimiter === quote) throw invalid('COPY delimiter and quote must be different')
  const escapeByte = oneByte('escape', given.escape ?? quote)
  if (nullString.includes(delimiter)) {
    throw invalid('COPY delimiter character must not appear in the NULL specification')
  }
  if (csv && nullString.includes(quote)) {
    throw invalid('CSV quote character must not appear in the NULL specification')
  }
  if (csv && /[\r\n]/.test(quote)) throw unsupported('COPY quote cannot be newline or carriage return')
  return {
    delimiter: delimiterByte,
    quote: quoteByte,
    escape: escapeByte,
    nullString,
    header: given.header ?? false,
    forceQuote: given.force_quote ?? [],
    forceNotNull: given.force_not_null ?? [],
    forceNull: given.force_null ?? [],
    contentEncoding: given.content_encoding === undefined ? undefined : encodingName(given.content_encoding),
  }
}

/** Which of the columns are named; all that are named must be there. A star alone names each, as in COPY. */
export function columnFlags(names: readonly string[], columns: readonly string[]): boolean[] {
  if (names.length === 1 && names[0] === '*') return columns.map(() => true)
  const missing = names.find(name => !columns.includes(name))
  if (missing !== undefined) {
    throw new PgError({ message: `column "${missing}" does not exist`, code: SQLSTATE.undefinedColumn })
  }
  return columns.map(column => names.includes(column))
}

function readGiven(options: unknown): Given {
  if (options === null || options === undefined) return {}
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw invalid('azure_storage: options must be a JSON object')
  }
  const given: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(READERS, key)) throw invalid(`azure_storage: unrecognized option: ${key}`)
    if (value !== null) given[key] = READERS[key as keyof Given](key, value)
  }
  return given
}

function readText(key: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(key, 'a string')
  return value
}

function readBoolean(key: string, value: unknown): boolean {
  const text = String(value).toLowerCase()
  if (typeof value === 'boolean' || ['true', 'false', 'on', 'off'].includes(text)) return ['true', 'on'].includes(text)
  throw wrongType(key, 'true or false')
}

function readNames(key: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.some(name => typeof name !== 'string')) throw wrongType(key, 'an array of strings')
  return value
}

function oneByte(name: string, value: string): number {
  if (!/^[\0-\x7f]$/.test(value)) throw unsupported(`COPY ${name} must be a single one-byte character`)
  return value.charCodeAt(0)
}

function refuse(
  given: Given,
  keys: readonly (keyof Given)[],
  message: (name: string) => string,
  error = unsupported,
): void {
  for (const key of keys) {
    if (given[key] !== undefined) throw error(message(key === 'null_string' ? 'NULL' : key.toUpperCase()))
  }
}

const wrongType = (key: string, expected: string): PgError =>
  invalid(`azure_storage: option ${key} must be ${expected}`)

const invalid = (message: string): PgError => new PgError({ message, code: SQLSTATE.invalidParameterValue })

const unsupported = (message: string): PgError => new PgError({ message, code: SQLSTATE.featureNotSupported })
