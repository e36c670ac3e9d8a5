import type { Format, ParquetSettings } from '../formats/format.ts'
import { asPgError, PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { type CopyOption, isTrue } from './copy-option.ts'
import { checkSkipOptions, isNewSkipOption, SKIP_OPTIONS, type SkipOptions } from './skip-options.ts'

/** What the options of COPY say that Azure's own does not have, as plain data. */
export interface ExtraOptions extends ParquetSettings, SkipOptions {
  readonly matchByName?: boolean
}

/** A COPY that they stand in. */
export interface ExtraOptionPlace {
  readonly direction: 'from' | 'to'
  readonly format: Format
  readonly compression: string
  readonly hasHeader: boolean
  readonly hasColumns: boolean
  readonly hasPattern: boolean
}

/** Whose errors are told where extras are on; where they are off, there is no such option. @throws PgError */
type ReadOption = (option: CopyOption, place: ExtraOptionPlace) => ExtraOptions

const EXTRA_OPTIONS: Readonly<Record<string, ReadOption>> = {
  row_group_size: (option, place) => {
    refuseUnlessParquet(option, place)
    return { rowGroupSize: integerOf(option, 1, MAX_ROW_GROUP_ROWS) }
  },
  compression_level: (option, place) => {
    refuseUnlessParquet(option, place)
    refuseUnless(place.compression === 'zstd', option, `compression ${place.compression}`)
    return { compressionLevel: integerOf(option, 1, MAX_ZSTD_LEVEL) }
  },
  match_by_name: (option, { direction, format, hasHeader, hasColumns, hasPattern }) => {
    if (!booleanOf(option)) return {}
    refuseUnless(direction === 'from', option, 'COPY TO')
    refuseUnless(format === 'csv' || format === 'parquet', option, format)
    refuseUnless(!hasColumns, option, 'a list of columns')
    refuseUnless(!hasPattern, option, 'a pattern of names')
    refuseUnless(format === 'parquet' || hasHeader, option, 'a file without HEADER')
    return { matchByName: true }
  },
  ...SKIP_OPTIONS,
}

const MAX_ROW_GROUP_ROWS = 10_000_000
const MAX_ZSTD_LEVEL = 22

/** The server may have got it since. */
export const isExtraOption = (name: string, serverMajorVersion: number): boolean =>
  Object.hasOwn(EXTRA_OPTIONS, name) &&
  (!Object.hasOwn(SKIP_OPTIONS, name) || isNewSkipOption(name, serverMajorVersion))

/** Whether they are meant is not known yet: only then is what is wrong with them. */
export function readExtras(
  options: readonly CopyOption[],
  place: ExtraOptionPlace,
): { read: ExtraOptions; unknown: PgErrorFields | undefined; failure: PgErrorFields | undefined } {
  const unknown = options[0] && notRecognized(options[0])
  try {
    return { read: readExtraOptions(options, place), unknown, failure: undefined }
  } catch (error) {
    const { message, code, detail, hint } = asPgError(error)
    return { read: {}, unknown, failure: { message, code, detail, hint } }
  }
}

function readExtraOptions(options: readonly CopyOption[], place: ExtraOptionPlace): ExtraOptions {
  const read: Record<string, unknown> = {}
  const seen = new Set<string>()
  for (const option of options) {
    if (seen.has(option.name)) throw syntaxError('conflicting or redundant options')
    seen.add(option.name)
    Object.assign(read, EXTRA_OPTIONS[option.name]?.(option, place))
  }
  checkSkipOptions(read)
  return read
}

/** What PostgreSQL says of an option that it does not know. */
const notRecognized = ({ name }: CopyOption): PgErrorFields => ({
  message: `option "${name}" not recognized`,
  code: SQLSTATE.syntaxError,
})

function refuseUnlessParquet(option: CopyOption, { direction, format }: ExtraOptionPlace): void {
  refuseUnless(direction === 'to', option, 'COPY FROM')
  refuseUnless(format === 'parquet', option, format)
}

function refuseUnless(fits: boolean, { name }: CopyOption, place: string): void {
  if (fits) return
  throw new PgError({
    message: `azure_storage: COPY ${name.toUpperCase()} cannot be used with ${place}`,
    code: SQLSTATE.featureNotSupported,
  })
}

/** @throws PgError */
function integerOf({ name, value }: CopyOption, min: number, max: number): number {
  if (value === undefined) throw syntaxError(`${name} requires a parameter`)
  const number = /^\d{1,15}$/.test(String(value)) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw new PgError({
    message: `azure_storage: argument to option "${name}" must be an integer between ${min} and ${max}`,
    code: SQLSTATE.invalidParameterValue,
  })
}

/** As PostgreSQL's defGetBoolean() reads it. @throws PgError */
function booleanOf({ name, value }: CopyOption): boolean {
  if (isTrue(value)) return true
  if (['false', 'off', '0'].includes(String(value).toLowerCase())) return false
  throw syntaxError(`${name} requires a Boolean value`)
}

function syntaxError(message: string): PgError {
  return new PgError({ message, code: SQLSTATE.syntaxError })
}
