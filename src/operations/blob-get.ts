import { type Format, type ResolvedFormat, resolveFormat } from '../formats/format.ts'
import { type ParquetColumn, readColumns } from '../formats/parquet/shape.ts'
import { DataRowWriter } from '../formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../formats/rows/row-codecs.ts'
import { type Direction, type RowOptions, readRowOptions } from '../formats/rows/row-options.ts'
import { asPgError, PgError } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { Blob } from '../storage/blob-client.ts'
import { readBlob } from '../transfer/read-blob.ts'
import { binaryAsText } from './binary-rows.ts'
import type { InterruptedReads } from './interrupted-reads.ts'
import type { RowsOfBlob } from './rows-of-blob.ts'

const TEXT_OPTIONS = readRowOptions(null, 'tsv', 'get')

export interface Coder extends ResolvedFormat {
  readonly options: RowOptions
}

/** The coder and the options of a request, checked. @throws PgError */
export function readCoder(request: RowsOfBlob, direction: Direction): Coder {
  const resolved = resolveFormat(request.path, request.coder, request.compression)
  return { ...resolved, options: readRowOptions(request.options, resolved.format, direction) }
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
  const shape = { columns: columnNames(request), withLine: request.withLine }
  const target = { majorVersion: services.serverMajorVersion, encoding: request.encoding }
  const { format, options } = textRows(coder)
  const decoder = createRowDecoder(format, options, shape, target, writer)
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
    }
    decoder.end()
    yield* writer.take()
    finished = true
  } catch (error) {
    throw signal.aborted ? signal.reason : inBlob(request, asPgError(error))
  } finally {
    memory.end()
    if (!finished && !request.withLine) interruptedReads.add(request, offset)
  }
}

/** Codecs speak of "blob, line 2": which one it is they do not know. */
function inBlob({ container, path }: RowsOfBlob, error: PgError): PgError {
  const { message, code, detail, hint, context, cause } = error
  if (!context?.startsWith('blob, ')) return error
  return new PgError({ message, code, detail, hint, cause, context: `blob ${container}/${path}${context.slice(4)}` })
}

/** How our own row codecs see the rows: who reads binary files, and who reads and writes Parquet, has them in COPY's text format. */
export function textRows({ format, options }: Coder): { format: Format; options: RowOptions } {
  if (format === 'parquet') return { format: 'tsv', options: { ...TEXT_OPTIONS, contentEncoding: 'UTF8' } }
  if (format === 'binary') return { format: 'tsv', options: TEXT_OPTIONS }
  return { format, options }
}

/** The blob's bytes as `textRows` says that they are. */
function openRows(
  { config, server }: Services,
  request: RowsOfBlob,
  blob: Blob,
  coder: Coder,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const columns = coder.format === 'parquet' ? parquetColumns(request) : []
  const spool = { ...config, backendPid: request.call.pid }
  const bytes = readBlob(blob, { format: coder, columns, spool, signal })
  return coder.format === 'binary' ? binaryAsText(server.backend, request, bytes, signal) : bytes
}
