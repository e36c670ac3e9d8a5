import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/** What COPY says of a bad file, word for word; where is said in the context, as there is no relation to name. */
export function badFile(message: string, line: number, hint?: string): PgError {
  return new PgError({ message, code: SQLSTATE.badCopyFileFormat, hint, context: atLine(line) })
}

export const missingData = (column: string | undefined, line: number): PgError =>
  badFile(`missing data for column "${column}"`, line)

export const extraData = (line: number): PgError => badFile('extra data after last expected column', line)

export function invalidBytes(encoding: string, bytes: Buffer, line: number): PgError {
  return new PgError({
    message: `invalid byte sequence for encoding "${encoding}": ${byteList(bytes)}`,
    code: SQLSTATE.characterNotInRepertoire,
    context: atLine(line),
  })
}

/** The limit keeps the proxy's memory, not PostgreSQL's. */
export function rowTooLarge(maxBytes: number, line?: number): PgError {
  return new PgError({
    message: `azure_storage: a row is larger than ${bytesText(maxBytes)}`,
    code: SQLSTATE.programLimitExceeded,
    hint: 'Raise the limit of the proxy with --max-row-size.',
    context: line === undefined ? undefined : atLine(line),
  })
}

/** In PostgreSQL's units, as settings are shown. */
function bytesText(bytes: number): string {
  const unit = UNITS.findLast((_, power) => bytes >= 1024 ** power && bytes % 1024 ** power === 0) ?? 'bytes'
  return `${bytes / 1024 ** UNITS.indexOf(unit)} ${unit}`
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

const byteList = (bytes: Buffer): string =>
  Array.from(bytes, byte => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')

const atLine = (line: number): string => `blob, line ${line}`
