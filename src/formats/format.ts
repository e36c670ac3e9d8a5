import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { isStreamCompression } from './stream-compressions.ts'

export type Format = 'csv' | 'tsv' | 'text' | 'binary' | 'parquet' | 'jsonl'
export type Compression = 'none' | 'gzip' | 'snappy' | 'zstd' | 'brotli' | 'lz4'

export interface ResolvedFormat {
  readonly format: Format
  readonly compression: Compression
}

/** How a Parquet file is written, where it is said. */
export interface ParquetSettings {
  readonly rowGroupSize?: number
  readonly compressionLevel?: number
}

const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['csv', 'csv'],
  ['tsv', 'tsv'],
  ['binary', 'binary'],
  ['text', 'text'],
  ['xml', 'text'],
  ['json', 'text'],
  ['parquet', 'parquet'],
])

/** In the order in which the error message names them. */
const EXTENSIONS: ReadonlyMap<string, Format> = new Map([
  ['csv', 'csv'],
  ['csv.gz', 'csv'],
  ['tsv', 'tsv'],
  ['tsv.gz', 'tsv'],
  ['json', 'text'],
  ['json.gz', 'text'],
  ['xml', 'text'],
  ['xml.gz', 'text'],
  ['txt', 'text'],
  ['txt.gz', 'text'],
  ['parquet', 'parquet'],
])

const PARQUET_COMPRESSIONS: ReadonlySet<string> = new Set(['snappy', 'zstd', 'brotli', 'lz4'])
const DEFAULT_PARQUET_COMPRESSION: Compression = 'snappy'

/** The format and compression of a blob, from the caller's arguments or, where they say `auto`, from its name. */
export function resolveFormat(path: string, decoder: string, compression: string): ResolvedFormat {
  const format = decoder === 'auto' ? inferFormat(path) : FORMATS.get(decoder)
  if (format === undefined) throw invalidArgument(`azure_storage: invalid decoder: ${decoder}`)
  return { format, compression: resolveCompression(path, format, compression) }
}

const JSON_LINES = /[.](jsonl|ndjson)([.]gz)?$/

/** A format that only COPY has, and only where what Azure's own does not have is on: how it is resolved. */
export function extraFormatOf(path: string, format: string): ((compression: string) => ResolvedFormat) | undefined {
  if (format !== 'jsonl' && !(format === 'auto' && JSON_LINES.test(path))) return undefined
  return compression => ({ format: 'jsonl', compression: resolveCompression(path, 'jsonl', compression) })
}

/** Of one of the files of a COPY, whose format is known. @throws PgError */
export const resolveFileFormat = (path: string, format: Format, compression: string): ResolvedFormat =>
  extraFormatOf(path, format)?.(compression) ?? resolveFormat(path, format, compression)

function inferFormat(path: string): Format {
  for (const [extension, format] of EXTENSIONS) {
    if (path.endsWith(`.${extension}`)) return format
  }
  const name = path.slice(path.lastIndexOf('/') + 1)
  const dot = name.lastIndexOf('.')
  const extension = dot < 0 ? '' : name.slice(dot + 1)
  throw invalidArgument(
    `azure_storage: could not infer file encoding from extension: '${extension}', ` +
      `use a supported extension [${[...EXTENSIONS.keys()].join(', ')}], ` +
      'or specify the decoder argument if you are using blob_get or format if using COPY FROM/TO',
  )
}

function resolveCompression(path: string, format: Format, compression: string): Compression {
  if (compression === 'auto') {
    if (format === 'parquet') return DEFAULT_PARQUET_COMPRESSION
    return path.endsWith('.gz') ? 'gzip' : 'none'
  }
  if (isStreamCompression(compression)) return compression as Compression
  if (!PARQUET_COMPRESSIONS.has(compression)) {
    throw invalidArgument(`azure_storage: invalid compression algorithm: ${compression}`)
  }
  if (format !== 'parquet') {
    throw invalidArgument(`azure_storage: compression algorithm ${compression} can only be used with parquet`)
  }
  return compression as Compression
}

/** The format `text` is one value. */
export function needsSingleColumn(coder: 'decoder' | 'encoder'): PgError {
  return new PgError({
    message: `azure_storage: can only use text ${coder} with a single column`,
    code: SQLSTATE.featureNotSupported,
  })
}

function invalidArgument(message: string): PgError {
  return new PgError({ message, code: SQLSTATE.invalidParameterValue })
}
