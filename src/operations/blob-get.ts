import { type Format, type ResolvedFormat, resolveFormat } from '../formats/format.ts'
import { type ParquetColumn, readColumns } from '../formats/parquet/shape.ts'
import { DataRowWriter } from '../formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../formats/rows/row-codecs.ts'
import type { RowDecoder } from '../formats/rows/row-decoder.ts'
import { type Direction, type RowOptions, readRowOptions } from '../formats/rows/row-options.ts'
import { asPgError, PgError } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { Blob } from '../storage/blob-client.ts'
import { readBlob } from '../transfer/read-blob.ts'
import { checkConversion, checkedEncoding, conversionOnRead, isOfCharacter, transcode } from '../transfer/transcode.ts'
import { binaryAsText } from './binary-rows.ts'
import type { InterruptedReads } from './interrupted-reads.ts'
import type { RowsOfBlob } from './rows-of-blob.ts'

/** COPY's text format as PostgreSQL writes it. */
export const TEXT_OPTIONS = readRowOptions(null, 'tsv', 'get')

export interface Coder extends ResolvedFormat {
  readonly options: RowOptions
  /** Of the texts in the blob, by PostgreSQL's name. */
  readonly encoding: string
}

/** The coder and the options of a request, checked. @throws PgError */
export function readCoder(request: RowsOfBlob, direction: Direction): Coder {
  const resolved = request.resolved ?? resolveFormat(request.path, request.coder, request.compression)
  const options = readRowOptions(request.options, resolved.format, direction)
  return { ...resolved, options, encoding: options.contentEncoding ?? request.clientEncoding }
}

/** @throws PgError where the request describes them otherwise than the extension does. */
export const parquetColumns = (request: RowsOfBlob): ParquetColumn[] => {
  const names = columnNames(request)
  return readColumns(request.columns.map(({ shape }, i) => ({ name: names[i], shape })))
}

export const columnNames = ({ columns }: RowsOfBlob): string[] =>
  columns.map((column, i) => column.name ?? String(i + 1))

/** The rows of a blob, as DataRow messages of text values. @throws PgError */
export async function* readBlobRows(
  services: Services,
  request: RowsOfBlob,
  blob: Blob,
  interruptedReads: InterruptedReads,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const coder = readCoder(request, 'get')
  const writer = new DataRowWriter(services.memory.maxRowBytes)
  const decoder = await openDecoder(services, request, coder, writer)
  const start = request.withLine ? interruptedReads.takeStart(request) : 0
  const memory = services.memory.open(signal)
  let offset = 0
  let finished = false
  try {
    for await (const chunk of openRows(services, request, blob, coder, signal)) {
      await memory.hold(writer.largeRowBytes(chunk.length))
      decoder.push(chunk)
      offset += chunk.length
      const rows = writer.take()
      if (offset > start) yield* rows
      if (decoder.ended) break
    }
    decoder.end()
    yield* writer.take()
    finished = true
  } catch (error) {
    if (signal.aborted) throw signal.reason
    // What is wrong with a value before it comes first, as with COPY; a second reading is for that alone.
    yield* writer.take()
    if (!request.withLine) throw inBlob(request, asPgError(error), decoder.line)
  } finally {
    memory.end()
    if (!finished && !request.withLine) interruptedReads.add(request, offset)
  }
}

/** Codecs speak of "blob, line 2": which one it is they do not know. Who converts characters knows not even the line. */
function inBlob({ container, path }: RowsOfBlob, error: PgError, line: number): PgError {
  const { message, code, detail, hint, cause } = error
  const context = error.context ?? (isOfCharacter(error) ? `blob, line ${line}` : undefined)
  if (!context?.startsWith('blob, ')) return error
  return new PgError({ message, code, detail, hint, cause, context: `blob ${container}/${path}${context.slice(4)}` })
}

/**
 * How our own row codecs see the rows: who reads binary files, and who reads and writes Parquet, has them in COPY's text
 * format, in an encoding that is not the blob's.
 */
export function textRows(
  { format, options, encoding }: Coder,
  database: string,
): { format: Format; options: RowOptions; encoding: string } {
  if (format === 'parquet') return { format: 'tsv', options: TEXT_OPTIONS, encoding: 'UTF8' }
  if (format === 'jsonl') return { format, options, encoding: 'UTF8' }
  if (format === 'binary') return { format: 'tsv', options: TEXT_OPTIONS, encoding: database }
  return { format, options, encoding }
}

/** The texts that a codec needs, in the database's encoding. @throws PgError for a character that it lacks */
export async function textsOf(
  { conversions }: Services,
  request: RowsOfBlob,
  { nullString }: RowOptions,
): Promise<ReadonlyMap<string, Buffer>> {
  const texts = [nullString, ...columnNames(request)]
  const encoded = await conversions.encodeAll(texts, request.encoding)
  return new Map(texts.map((text, i) => [text, encoded[i] as Buffer]))
}

async function openDecoder(
  services: Services,
  request: RowsOfBlob,
  coder: Coder,
  writer: DataRowWriter,
): Promise<RowDecoder> {
  const { format, options, encoding } = textRows(coder, request.encoding)
  const target = {
    majorVersion: services.serverMajorVersion,
    encoding: request.encoding,
    checked: checkedEncoding(encoding, request.encoding),
    texts: await textsOf(services, request, options),
  }
  const shape = {
    columns: columnNames(request),
    withLine: request.withLine,
    domains: request.columns.map(({ isDomain }) => isDomain),
  }
  return createRowDecoder(format, options, shape, target, writer)
}

/** The blob's bytes as `textRows` says that they are, in the database's encoding. */
async function* openRows(
  { config, server, conversions, memory }: Services,
  request: RowsOfBlob,
  blob: Blob,
  coder: Coder,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const conversion = conversionOnRead(textRows(coder, request.encoding).encoding, request.encoding)
  if (conversion !== undefined) await checkConversion(conversions, conversion)
  const columns = coder.format === 'parquet' ? parquetColumns(request) : []
  const spool = { ...config, backendPid: request.call.pid }
  const bytes = readBlob(blob, { format: coder, columns, spool, memory, signal })
  const rows = coder.format === 'binary' ? binaryAsText(server, request, coder.encoding, bytes, signal) : bytes
  yield* conversion === undefined ? rows : transcode(rows, conversion, conversions)
}
