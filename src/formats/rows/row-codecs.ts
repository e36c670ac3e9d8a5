import { type Format, needsSingleColumn } from '../format.ts'
import { BinaryEncoder } from './binary-encoder.ts'
import { BlobReader } from './blob-reader.ts'
import { CsvScanner } from './csv-scanner.ts'
import type { DataRowWriter } from './data-row-writer.ts'
import { RecordEncoder } from './record-encoder.ts'
import type { RowShape } from './row-builder.ts'
import type { RowDecoder, RowScanner } from './row-decoder.ts'
import type { RowEncoder } from './row-encoder.ts'
import { columnFlags, type RowOptions } from './row-options.ts'
import { TextScanner } from './text-scanner.ts'
import { TsvScanner } from './tsv-scanner.ts'
import { csvStyle, JSON_LINES_STYLE, TEXT_STYLE, tsvStyle, type ValueStyle } from './value-style.ts'

/** The PostgreSQL whose COPY is followed. */
export interface RowTarget {
  readonly majorVersion: number
  /** The database's encoding, by PostgreSQL's name: that of rows, and of a blob's bytes as the codecs see them. */
  readonly encoding: string
  /** What these bytes have to be valid in, if not in that one: to a database in SQL_ASCII all bytes are. */
  readonly checked?: string
  /** The texts of options and the columns' names in that encoding; where there is none, in UTF-8. */
  readonly texts?: ReadonlyMap<string, Uint8Array>
}

/** The first version for which `\.` in a csv file is data, and in a tsv file must be alone on its line. */
const STRICT_END_MARKER = 18

/** Bytes of a csv, tsv or text blob → DataRow messages in `writer`. @throws PgError */
export function createRowDecoder(
  format: Format,
  options: RowOptions,
  shape: RowShape,
  target: RowTarget,
  writer: DataRowWriter,
): RowDecoder {
  return new BlobReader(createScanner(format, options, shape, target, writer), target.checked ?? target.encoding)
}

/**
 * Rows → bytes of a blob. They come as record literals without separators, for binary as lines of record_send() in
 * hexadecimal; `encode` takes whole ones. @throws PgError
 */
export function createRowEncoder(
  format: Format,
  options: RowOptions,
  columns: readonly string[],
  target: RowTarget,
): RowEncoder {
  if (format === 'binary') return new BinaryEncoder()
  if (format === 'text' && columns.length !== 1) throw needsSingleColumn('encoder')
  const encode = (text: string): Buffer => textIn(target, text)
  return new RecordEncoder(columns.map(encode), createStyle(format, options, columns, encode), options.header)
}

function createScanner(
  format: Format,
  options: RowOptions,
  shape: RowShape,
  target: RowTarget,
  writer: DataRowWriter,
): RowScanner {
  const { columns } = shape
  const { majorVersion, encoding } = target
  const nullString = textIn(target, options.nullString)
  const strictEndMarker = majorVersion >= STRICT_END_MARKER
  switch (format) {
    case 'csv': {
      const forceNull = columnFlags(options.forceNull, columns)
      const forceNotNull = columnFlags(options.forceNotNull, columns)
      const rules = { ...options, nullString, forceNull, forceNotNull, endMarker: !strictEndMarker }
      return new CsvScanner(writer, shape, rules)
    }
    case 'tsv':
      return new TsvScanner(writer, shape, { ...options, nullString, encoding, strictEndMarker })
    case 'text':
      if (columns.length !== 1) throw needsSingleColumn('decoder')
      return new TextScanner(writer, shape)
    default:
      throw new Error(`no rows of ${format} are decoded here`)
  }
}

function createStyle(
  format: Format,
  options: RowOptions,
  columns: readonly string[],
  encode: (text: string) => Buffer,
): ValueStyle {
  const nullString = encode(options.nullString)
  switch (format) {
    case 'csv': {
      const forceQuote = columnFlags(options.forceQuote, columns)
      return csvStyle({ ...options, nullString, forceQuote, singleColumn: columns.length === 1 })
    }
    case 'tsv':
      return tsvStyle(options.delimiter, nullString)
    case 'text':
      return TEXT_STYLE
    case 'jsonl':
      return JSON_LINES_STYLE
    default:
      throw new Error(`no rows of ${format} are encoded here`)
  }
}

const textIn = ({ texts }: RowTarget, text: string): Buffer => Buffer.from(texts?.get(text) ?? Buffer.from(text))
