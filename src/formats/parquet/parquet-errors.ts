import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { EngineError } from './engine.ts'
import type { EngineColumns } from './engine-messages.ts'
import type { ParquetColumn, Shape } from './shape.ts'

const LISTED_COLUMNS = 20
const SHOWN_CHARS = 500

/** How messages begin that our own statements raise; the value that they are about follows the last colon. */
const OWN_MESSAGE = /^Invalid Input Error: (azure_storage: .*?"): (.*)$/s

/** What the client is told when the engine fails on a file. */
export function unreadable(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const known = knownFailure(error)
  if (known !== undefined) return known
  if (/^(?:Conversion|Out of Range) Error/.test(error.message)) {
    return new PgError({
      message: 'azure_storage: a value of the Parquet file is out of range',
      code: SQLSTATE.dataException,
      detail: 'No type that it is read as can hold it.',
      cause: error,
    })
  }
  if (/^INTERNAL Error|\bnot (?:supported|implemented)|unsupported/i.test(error.message)) {
    return new PgError({
      message: 'azure_storage: the Parquet file has something that is not supported',
      code: SQLSTATE.featureNotSupported,
      detail: 'It is an encoding or a type.',
      cause: error,
    })
  }
  return new PgError({
    message: 'azure_storage: the blob is not a valid Parquet file',
    code: SQLSTATE.badCopyFileFormat,
    detail: 'The values of its columns cannot be read.',
    cause: error,
  })
}

/** What the client is told when the engine fails on rows. */
export function unwritable(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const known = knownFailure(error)
  if (known !== undefined) return known
  return new PgError({
    message: 'azure_storage: could not write the rows as Parquet',
    code: SQLSTATE.dataException,
    detail: 'A value is out of the range of what its type is written as.',
    cause: error,
  })
}

/** How the message begins when Parquet has no form for a value. */
export const refusal = (column: string): string => `azure_storage: Parquet cannot hold a value of column "${column}"`

export const refused = (column: string, detail: string): PgError =>
  new PgError({ message: refusal(column), code: SQLSTATE.dataException, detail })

export const noColumns = (): PgError =>
  new PgError({
    message: 'azure_storage: Parquet cannot hold rows without columns',
    code: SQLSTATE.featureNotSupported,
  })

export const noFields = (column: string): PgError =>
  new PgError({
    message: 'azure_storage: Parquet cannot hold a row type without columns',
    code: SQLSTATE.featureNotSupported,
    detail: `It is in column "${shortened(column)}".`,
  })

/** A map is read as what can have any keys. */
export const mapInto = (target: Shape): PgError =>
  new PgError({
    message: `azure_storage: a map of the Parquet file cannot be read as ${shapeName(target)}`,
    code: SQLSTATE.featureNotSupported,
    hint: 'Maps are read as json, jsonb, hstore or text, or as an array of a row type that has a key and a value.',
  })

export const columnNotMatched = (name: string): PgError =>
  new PgError({
    message: `azure_storage: column "${name}" of the Parquet file is not the column of the table that it was matched with`,
    code: SQLSTATE.undefinedColumn,
  })

export function columnCountDiffers(found: EngineColumns, expected: readonly ParquetColumn[]): PgError {
  const inFile = found.columns.map(({ name, type }) => `${name} ${type.name}`)
  const ours = expected.map(({ name, shape }) => `${name} ${shapeName(shape)}`)
  return new PgError({
    message: `azure_storage: the Parquet file has ${count(found.count)}, but ${count(expected.length)} are expected`,
    code: SQLSTATE.badCopyFileFormat,
    detail: `The file's columns: ${listed(inFile, found.count)}. Expected: ${listed(ours, ours.length)}.`,
  })
}

/** What reading and writing have in common; undefined: something else. */
function knownFailure({ message }: EngineError): PgError | undefined {
  const own = OWN_MESSAGE.exec(message)
  if (own) {
    const [, ownMessage = '', value = ''] = own
    const detail = `The value is ${shortened(value)}.`
    return new PgError({ message: ownMessage, code: SQLSTATE.dataException, detail })
  }
  if (/^Out of Memory Error/.test(message)) {
    return new PgError({
      message: 'azure_storage: the Parquet engine is out of memory',
      code: SQLSTATE.outOfMemory,
      detail: 'Values, or the row groups of a file, are too large for it.',
    })
  }
  if (/^Conversion Error: Failure in decode/.test(message)) {
    return new PgError({
      message: 'azure_storage: bytes of the Parquet file are not text',
      code: SQLSTATE.characterNotInRepertoire,
      detail: 'A column of bytes is read into other types than bytea as text in UTF-8.',
    })
  }
  if (/Maximum line size/.test(message)) {
    return new PgError({
      message: 'azure_storage: a row is too large for Parquet',
      code: SQLSTATE.programLimitExceeded,
      detail: "In COPY's text format a row may have 64 MiB.",
    })
  }
  return undefined
}

const shortened = (text: string): string => (text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text)

const count = (columns: number): string => (columns === 1 ? '1 column' : `${columns} columns`)

function listed(columns: readonly string[], total: number): string {
  const more = total - LISTED_COLUMNS
  return columns.slice(0, LISTED_COLUMNS).map(shortened).join(', ') + (more > 0 ? `, and ${more} more` : '')
}

function shapeName(shape: Shape): string {
  switch (shape.kind) {
    case 'scalar':
      return shape.type
    case 'array':
      return `${shapeName(shape.element)}[]`
    case 'composite':
      return 'record'
  }
}
