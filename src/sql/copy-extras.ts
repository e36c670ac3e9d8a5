import { extraFormatOf, type ResolvedFormat, resolveFormat } from '../formats/format.ts'
import { asPgError, type PgErrorFields } from '../protocol/pg-error.ts'
import type { BlobUrl } from '../storage/blob-url.ts'
import { isTrue } from './copy-option.ts'
import { type CopyOptions, type WrittenOption, writeCopyOptions } from './copy-options.ts'
import { type ExtraOptions, readExtras } from './extra-options.ts'

/** The format and the options of a COPY, and what of them is beyond Azure's own. */
export interface CopyExtras {
  readonly format: ResolvedFormat
  readonly options: readonly WrittenOption[]
  readonly extraOptions: ExtraOptions
  /** What is said where extras are off. */
  readonly unknown: PgErrorFields | undefined
  /** What is wrong with them, where extras are on. */
  readonly failure: PgErrorFields | undefined
}

/** Whether extras are on is not known yet: only then is what is wrong with them. @throws PgError about what is Azure's own */
export function readCopyExtras(
  { path, pattern }: BlobUrl,
  { direction, hasColumns }: { readonly direction: 'from' | 'to'; readonly hasColumns: boolean },
  options: CopyOptions,
): CopyExtras {
  const failures: PgErrorFields[] = []
  const attempt = <T>(work: () => T, otherwise: T): T => {
    try {
      return work()
    } catch (error) {
      failures.push(fieldsOf(error))
      return otherwise
    }
  }
  const resolve = () => resolveFormat(path, options.format, options.compression)
  const extraFormat = extraFormatOf(path, options.format)
  const format: ResolvedFormat = extraFormat
    ? attempt(() => extraFormat(options.compression), { format: 'jsonl', compression: 'none' })
    : resolve()
  const hasHeader = options.others.some(({ name, value }) => name === 'header' && isTrue(value))
  const hasPattern = pattern !== undefined
  const extraOptions = readExtras(options.extras, { direction, hasColumns, hasHeader, hasPattern, ...format })
  const write = () => writeCopyOptions(options, format.format)
  return {
    format,
    options: extraFormat ? attempt(write, [{ text: 'FORMAT text', location: undefined }]) : write(),
    extraOptions: extraOptions.read,
    unknown: extraFormat ? refusalOf(resolve) : extraOptions.unknown,
    failure: failures[0] ?? extraOptions.failure,
  }
}

function refusalOf(work: () => unknown): PgErrorFields | undefined {
  try {
    work()
  } catch (error) {
    return fieldsOf(error)
  }
  return undefined
}

function fieldsOf(error: unknown): PgErrorFields {
  const { message, code, detail, hint } = asPgError(error)
  return { message, code, detail, hint }
}
