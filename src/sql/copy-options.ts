import type { Format } from '../formats/format.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { type CopyOption, isTrue, readOption, writeValue } from './copy-option.ts'
import { isExtraOption } from './extra-options.ts'
import { quoteIdent } from './quote.ts'
import { isNewSkipOption, isSkipOption } from './skip-options.ts'

export interface CopyOptions {
  /** `auto` where there is none. */
  readonly format: string
  readonly compression: string
  /** Beyond Azure's own, those that the server does not know before others that go with them; none of the others. */
  readonly extras: readonly CopyOption[]
  readonly others: readonly CopyOption[]
}

export interface WrittenOption {
  readonly text: string
  readonly location: number | undefined
}

/** What PostgreSQL reads and writes where a blob has that format. */
const COPY_FORMATS: Readonly<Record<Format, string>> = {
  csv: 'csv',
  tsv: 'text',
  text: 'text',
  binary: 'binary',
  parquet: "text, ENCODING 'UTF8'",
  jsonl: "text, ENCODING 'UTF8'",
}

/** Options about how rows and columns are written: without meaning for Parquet, and for a whole file as one value. */
const ROW_OPTIONS = [
  'delimiter',
  'null',
  'default',
  'header',
  'quote',
  'escape',
  'force_quote',
  'force_not_null',
  'force_null',
]

/** Takes out what is the extension's own; everything else is PostgreSQL's to judge. @throws PgError */
export function readCopyOptions(
  nodes: readonly object[],
  offsetOf: (location: number) => number,
  serverMajorVersion: number,
): CopyOptions {
  const own = new Map<string, string>()
  const others: CopyOption[] = []
  const extras: CopyOption[] = []
  const alongside: CopyOption[] = []
  const options = nodes.map(node => readOption(node, offsetOf))
  const hasNew = options.some(({ name }) => isNewSkipOption(name, serverMajorVersion))
  for (const option of options) {
    if (isExtraOption(option.name, serverMajorVersion)) extras.push(option)
    else if (hasNew && isSkipOption(option.name)) alongside.push(option)
    else if (option.name === 'headers') others.push({ ...option, name: 'header' })
    else if (option.name !== 'format' && option.name !== 'compression') others.push(option)
    else if (!own.has(option.name)) own.set(option.name, textOf(option))
    // A second FORMAT is PostgreSQL's to complain about, in its own words.
    else others.push({ ...option, name: 'format' })
  }
  for (const { name, value } of others) {
    if (name === 'freeze' && isTrue(value)) throw unsupported('azure_storage: COPY FREEZE is not supported')
    if (name === 'header' && String(value).toLowerCase() === 'match') {
      throw unsupported('azure_storage: HEADER MATCH is not supported')
    }
  }
  return {
    format: own.get('format') ?? 'auto',
    compression: own.get('compression') ?? 'auto',
    extras: [...extras, ...alongside],
    others,
  }
}

export function writeCopyOptions({ others }: CopyOptions, format: Format): WrittenOption[] {
  if (format === 'text') {
    refuse(others, ROW_OPTIONS, 'a format that is one value', "For PostgreSQL's text format use FORMAT 'tsv'.")
  } else if (format === 'parquet' || format === 'jsonl') {
    refuse(others, [...ROW_OPTIONS, 'encoding'], format)
  }
  const written = others.map(({ name, value, location }) => ({
    text: value === undefined ? quoteIdent(name) : `${quoteIdent(name)} ${writeValue(value)}`,
    location,
  }))
  return [{ text: `FORMAT ${COPY_FORMATS[format]}`, location: undefined }, ...written]
}

/** Where the columns are the header's: PostgreSQL compares them. */
export const withHeaderMatch = (options: readonly WrittenOption[]): WrittenOption[] =>
  options.map(option => (option.text.startsWith(HEADER) ? { ...option, text: `${HEADER} match` } : option))

const HEADER = quoteIdent('header')

function refuse(options: readonly CopyOption[], names: readonly string[], format: string, hint?: string): void {
  const misplaced = options.find(({ name }) => names.includes(name))
  if (misplaced === undefined) return
  throw unsupported(`azure_storage: COPY ${misplaced.name.toUpperCase()} cannot be used with ${format}`, hint)
}

function textOf({ name, value }: CopyOption): string {
  if (typeof value === 'object' || value === undefined) {
    throw new PgError({ message: `${name} requires a parameter`, code: SQLSTATE.syntaxError })
  }
  return String(value)
}

function unsupported(message: string, hint?: string): PgError {
  return new PgError({ message, code: SQLSTATE.featureNotSupported, hint })
}
