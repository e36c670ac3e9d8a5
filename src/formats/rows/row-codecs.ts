import { type Format, needsSingleColumn } from '../format.ts'
import { BinaryEncoder } from './binary-encoder.ts'
import { BlobReader } from './blob-reader.ts'
import { createTranscoder, encodeText } from './content-encoding.ts'
import { CsvScanner } from './csv-scanner.ts'
import type { DataRowWriter } from './data-row-writer.ts'
import { RecordEncoder } from './record-encoder.ts'
import type { RowShape } from './row-builder.ts'
import type { RowDecoder, RowScanner } from './row-decoder.ts'
import type { RowEncoder } from './row-encoder.ts'
import { columnFlags, type RowOptions } from './row-options.ts'
import { TextScanner } from './text-scanner.ts'
import { TsvScanner } from './tsv-scanner.ts'
import { csvStyle, TEXT_STYLE, tsvStyle, type ValueStyle } from './value-style.ts'

/** The PostgreSQL whose COPY is followed, and its encoding by its own name: rows are in that one. */
export interface RowTarget {
  readonly majorVersion: number
  readonly encoding: string
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
  const reader = new BlobReader(createScanner(format, options, shape, target, writer), target.encoding)
  const transcoder = createTranscoder(options.contentEncoding ?? target.encoding, target.encoding)
  if (transcoder === undefined) return reader
  return {
    push: chunk => reader.push(transcoder.convert(chunk)),
    end: () => {
      transcoder.end()
      reader.end()
    },
  }
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
  const { encoding } = target
  const names = columns.map(name => encodeText(name, encoding))
  const encoder = new RecordEncoder(names, createStyle(format, options, columns, encoding), options.header)
  const transcoder = createTranscoder(encoding, options.contentEncoding ?? encoding)
  if (transcoder === undefined) return encoder
  return {
    begin: () => transcoder.convert(encoder.begin()),
    encode: rows => transcoder.convert(encoder.encode(rows)),
    end: () => transcoder.convert(encoder.end()),
  }
}

function createScanner(
  format: Format,
  options: RowOptions,
  shape: RowShape,
  { majorVersion, encoding }: RowTarget,
  writer: DataRowWriter,
): RowScanner {
  const { columns } = shape
  const nullString = encodeText(options.nullString, encoding)
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

function createStyle(format: Format, options: RowOptions, columns: readonly string[], encoding: string): ValueStyle {
  const nullString = encodeText(options.nullString, encoding)
  switch (format) {
    case 'csv': {
      const forceQuote = columnFlags(options.forceQuote, columns)
      return csvStyle({ ...options, nullString, forceQuote, singleColumn: columns.length === 1 })
    }
    case 'tsv':
      return tsvStyle(options.delimiter, nullString)
    case 'text':
      return TEXT_STYLE
    default:
      throw new Error(`no rows of ${format} are encoded here`)
  }
}
