import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { CopyOption } from './copy-option.ts'

/** The URL of a blob for the rows that ON_ERROR ignore leaves out. */
export const REJECTED = 'rejected'

/** Options about rows whose values are refused, and the PostgreSQL that has brought each; one none has. */
const NATIVE_SINCE: Readonly<Record<string, number>> = {
  on_error: 17,
  log_verbosity: 17,
  reject_limit: 18,
  [REJECTED]: NaN,
}

export const isSkipOption = (name: string): boolean => Object.hasOwn(NATIVE_SINCE, name)

/** Whether the server does not know it. */
export const isNewSkipOption = (name: string, serverMajorVersion: number): boolean =>
  isSkipOption(name) && !(serverMajorVersion >= (NATIVE_SINCE[name] as number))

export interface SkipOptions {
  readonly onError?: 'ignore'
  readonly rejectLimit?: string
  readonly tellsRejected?: boolean
}

interface Place {
  readonly direction: 'from' | 'to'
  readonly format: string
  readonly hasPattern: boolean
}

/** As newer versions read them, and in their words. @throws PgError */
export const SKIP_OPTIONS: Readonly<Record<string, (option: CopyOption, place: Place) => SkipOptions>> = {
  on_error: (option, { direction, format }) => {
    const value = textOf(option)
    if (direction === 'to') throw invalid('COPY ON_ERROR cannot be used with COPY TO')
    if (value.toLowerCase() === 'stop') return {}
    if (value.toLowerCase() !== 'ignore') throw invalid(`COPY ON_ERROR "${value}" not recognized`)
    if (format === 'binary') throw syntaxError('only ON_ERROR STOP is allowed in BINARY mode')
    return { onError: 'ignore' }
  },
  reject_limit: ({ name, value }) => {
    if (value === undefined) throw syntaxError(`${name} requires a numeric value`)
    const text = String(value)
    if (!/^[+-]?\d{1,18}$/.test(text)) {
      if (typeof value === 'number') throw syntaxError(`${name} requires a numeric value`)
      throw new PgError({
        message: `invalid input syntax for type bigint: "${text}"`,
        code: SQLSTATE.invalidTextRepresentation,
      })
    }
    if (Number(text) <= 0) throw invalid(`REJECT_LIMIT (${BigInt(text)}) must be greater than zero`)
    return { rejectLimit: text }
  },
  [REJECTED]: (option, { direction, hasPattern }) => {
    textOf(option)
    if (direction === 'to') throw invalid('COPY REJECTED cannot be used with COPY TO')
    if (hasPattern) {
      throw new PgError({
        message: 'azure_storage: COPY REJECTED cannot be used with a pattern of names',
        code: SQLSTATE.featureNotSupported,
      })
    }
    return { tellsRejected: true }
  },
  log_verbosity: option => {
    const value = textOf(option)
    if (['silent', 'default', 'verbose'].includes(value.toLowerCase())) return {}
    throw invalid(`COPY LOG_VERBOSITY "${value}" not recognized`)
  },
}

/** @throws PgError */
export function checkSkipOptions({ onError, rejectLimit, tellsRejected }: SkipOptions): void {
  if (rejectLimit !== undefined && onError === undefined) {
    throw invalid('COPY REJECT_LIMIT requires ON_ERROR to be set to IGNORE')
  }
  if (tellsRejected && onError === undefined) throw invalid('COPY REJECTED requires ON_ERROR to be set to IGNORE')
}

function textOf({ name, value }: CopyOption): string {
  if (value === undefined) throw syntaxError(`${name} requires a parameter`)
  return String(value)
}

const invalid = (message: string): PgError => new PgError({ message, code: SQLSTATE.invalidParameterValue })

const syntaxError = (message: string): PgError => new PgError({ message, code: SQLSTATE.syntaxError })
