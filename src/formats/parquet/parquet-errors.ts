import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE, type SqlState } from '../../protocol/sqlstate.ts'
import { EngineError } from './engine.ts'
import { type EngineColumns, TOO_MANY_PARTS } from './engine-messages.ts'
import type { ParquetColumn, Shape } from './shape.ts'

const LISTED_COLUMNS = 20
const REASON_CHARS = 500

/** How messages begin that our own statements raise; the value that they are about follows the last colon. */
const OWN_MESSAGE = /^Invalid Input Error: (azure_storage: .*?"): (.*)$/s
const ENGINE_FILES = /(?:file )?['"]?\/proc\/self\/fd\/\d+['"]?/g

/** What the client is told when the engine fails on a file. */
export const unreadable = (error: unknown): unknown =>
  toPgError(error, 'azure_storage: the blob is not a valid Parquet file', SQLSTATE.badCopyFileFormat)

/** What the client is told when the engine fails on rows. */
export const unwritable = (error: unknown): unknown =>
  toPgError(error, 'azure_storage: could not write the rows as Parquet', SQLSTATE.dataException)

/** How the message begins when Parquet has no form for a value. */
export const refusal = (column: string): string => `azure_storage: Parquet cannot hold a value of column "${column}"`

export const refused = (column: string, detail: string): PgError =>
  new PgError({ message: refusal(column), code: SQLSTATE.dataException, detail })

export function columnCountDiffers(found: EngineColumns, expected: readonly ParquetColumn[]): PgError {
  const inFile = found.columns.map(({ name, type }) => `${name} ${type.name}`)
  const ours = expected.map(({ name, shape }) => `${name} ${shapeName(shape)}`)
  return new PgError({
    message: `azure_storage: the Parquet file has ${count(found.count)}, but ${count(expected.length)} are expected`,
    code: SQLSTATE.badCopyFileFormat,
    detail: `The file's columns: ${listed(inFile, found.count)}. Expected: ${listed(ours, ours.length)}.`,
  })
}

/** The engine would read them as floating-point numbers. */
export function numbersTooPrecise(column: string): PgError {
  return new PgError({
    message: 'azure_storage: the Parquet file has decimal numbers of more than 38 digits',
    code: SQLSTATE.featureNotSupported,
    detail: `They are in column "${column}".`,
  })
}

function toPgError(error: unknown, message: string, code: SqlState): unknown {
  if (!(error instanceof EngineError)) return error
  const own = OWN_MESSAGE.exec(error.message)
  if (own) {
    const [, ownMessage = '', value = ''] = own
    return new PgError({
      message: ownMessage,
      code: SQLSTATE.dataException,
      detail: `The value is ${shortened(value)}.`,
    })
  }
  const detail = reason(error.message)
  if (/^Out of Memory Error/.test(error.message)) {
    return new PgError({
      message: 'azure_storage: the Parquet engine is out of memory',
      code: SQLSTATE.outOfMemory,
      detail,
    })
  }
  if (/^Conversion Error: Failure in decode/.test(error.message)) {
    return new PgError({
      message: 'azure_storage: bytes of the Parquet file are not text',
      code: SQLSTATE.characterNotInRepertoire,
      detail: 'A column of bytes is read into other types than bytea as text in UTF-8.',
    })
  }
  if (error.message === TOO_MANY_PARTS) {
    return new PgError({
      message: "azure_storage: the Parquet file's schema is too large",
      code: SQLSTATE.programLimitExceeded,
    })
  }
  if (/Maximum line size/.test(error.message)) {
    return new PgError({
      message: 'azure_storage: a row is too large for Parquet',
      code: SQLSTATE.programLimitExceeded,
      detail: "In COPY's text format a row may have 64 MiB.",
    })
  }
  return new PgError({ message, code, detail })
}

/** The engine's words without what is only of interest inside it. */
function reason(message: string): string {
  const [line = ''] = message.split('\n')
  return shortened(line.replace(/^[A-Z][A-Za-z/ ]* Error: /, '').replaceAll(ENGINE_FILES, 'the file'))
}

const shortened = (text: string): string => (text.length > REASON_CHARS ? `${text.slice(0, REASON_CHARS)}…` : text)

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
