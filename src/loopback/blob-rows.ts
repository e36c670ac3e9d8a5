import { type Format, resolveFormat } from '../formats/format.ts'
import { decompressGzip } from '../formats/gzip.ts'
import { DataRowWriter } from '../formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../formats/rows/row-codecs.ts'
import { type Direction, type RowOptions, readRowOptions } from '../formats/rows/row-options.ts'
import { asPgError, PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import type { Blob } from '../storage/blob-client.ts'
import { binaryAsText } from './binary-rows.ts'
import type { InterruptedReads } from './interrupted-reads.ts'
import type { RowsOfBlob } from './request.ts'

/** The coder and the options of a request, checked. @throws PgError */
export function readCoder(
  request: RowsOfBlob,
  direction: Direction,
): { format: Format; gzip: boolean; options: RowOptions } {
  const { format, compression } = resolveFormat(request.path, request.coder, request.compression)
  if (format === 'parquet') {
    throw new PgError({ message: 'azure_storage: parquet is not supported yet', code: SQLSTATE.featureNotSupported })
  }
  return { format, gzip: compression === 'gzip', options: readRowOptions(request.options, format, direction) }
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
  const { format, gzip, options } = readCoder(request, 'get')
  const writer = new DataRowWriter()
  const shape = { columns: columnNames(request), withLine: request.withLine }
  const target = { majorVersion: services.serverMajorVersion, encoding: request.encoding }
  // What COPY has read of a binary file comes back in COPY's text format.
  const rows = format === 'binary' ? readRowOptions(null, 'tsv', 'get') : options
  const decoder = createRowDecoder(format === 'binary' ? 'tsv' : format, rows, shape, target, writer)
  const start = request.withLine ? interruptedReads.takeStart(request) : 0
  let offset = 0
  let finished = false
  const { body } = await blob.download({ signal })
  try {
    const plain = gzip ? body.pipe(decompressGzip()) : body
    if (gzip) body.on('error', error => plain.destroy(error))
    const source = format === 'binary' ? binaryAsText(services.config.backend, request, plain, signal) : plain
    for await (const chunk of source as AsyncIterable<Buffer>) {
      decoder.push(chunk)
      offset += chunk.length
      const rows = writer.take()
      if (offset > start) yield* rows
    }
    decoder.end()
    yield* writer.take()
    finished = true
  } catch (error) {
    throw signal.aborted ? signal.reason : asPgError(error)
  } finally {
    if (!finished && !request.withLine) interruptedReads.add(request, offset)
    body.destroy()
  }
}
