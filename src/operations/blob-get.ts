import type { Transfer } from '../activity/transfer.ts'
import type { Format, ResolvedFormat } from '../formats/format.ts'
import { type ParquetColumn, readColumns } from '../formats/parquet/shape.ts'
import { DataRowWriter } from '../formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../formats/rows/row-codecs.ts'
import type { RowDecoder } from '../formats/rows/row-decoder.ts'
import { type Direction, type RowOptions, readRowOptions } from '../formats/rows/row-options.ts'
import type { MemoryLease } from '../memory-budget.ts'
import { asPgError, PgError } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { Blob } from '../storage/blob-client.ts'
import { readBlob } from '../transfer/read-blob.ts'
import { checkConversion, checkedEncoding, conversionOnRead, isOfCharacter, transcode } from '../transfer/transcode.ts'
import { binaryAsText } from './binary-rows.ts'
import type { InterruptedReads } from './interrupted-reads.ts'
import { type FilesOfRequest, inFile } from './matching-files.ts'
import { formatOf, type RowsOfBlob } from './rows-of-blob.ts'

/** COPY's text format as PostgreSQL writes it. */
export const TEXT_OPTIONS = readRowOptions(null, 'tsv', 'get')

export interface Coder extends ResolvedFormat {
  readonly options: RowOptions
  /** Of the texts in the blob, by PostgreSQL's name. */
  readonly encoding: string
}

type CodedBlob = Pick<RowsOfBlob, 'resolved' | 'path' | 'coder' | 'compression' | 'options' | 'clientEncoding'>

/** The coder and the options of a request, checked. @throws PgError */
export function readCoder(request: CodedBlob, direction: Direction): Coder {
  const resolved = formatOf(request)
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

/** The rows of blobs, as DataRow messages of text values. @throws PgError */
export async function* readBlobRows(
  services: Services,
  request: RowsOfBlob,
  files: FilesOfRequest,
  interruptedReads: InterruptedReads,
  signal: AbortSignal,
  transfer?: Transfer,
): AsyncGenerator<Buffer> {
  const { format } = readCoder(request, 'get')
  const writer = new DataRowWriter(services.memory.maxRowBytes)
  const progress = { writer, transfer, offset: 0, start: request.withLine ? interruptedReads.takeStart(request) : 0 }
  let finished = false
  try {
    for (const path of files.paths) {
      const file = { ...request, path, coder: format, namesFile: files.isPattern }
      yield* readFileRows(services, file, files.open(path), progress, signal)
    }
    finished = true
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (!request.withLine) throw error
  } finally {
    if (!finished && !request.withLine) interruptedReads.add(request, progress.offset)
  }
}

/** One of the blobs that a request is for. */
interface FileRequest extends RowsOfBlob {
  /** Which one it is has to be told. */
  readonly namesFile: boolean
}

/** Through all blobs: how many bytes have been read, and from where on their rows are wanted. */
interface Progress {
  readonly writer: DataRowWriter
  readonly transfer: Transfer | undefined
  offset: number
  readonly start: number
}

async function* readFileRows(
  services: Services,
  request: FileRequest,
  blob: Blob,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const coder = readCoder(request, 'get')
  const { writer, transfer } = progress
  const decoder = await openDecoder(services, request, coder, writer)
  const memory = services.memory.open(signal)
  try {
    for await (const chunk of openRows(services, request, blob, coder, memory, signal)) {
      await memory.hold(writer.largeRowBytes(chunk.length))
      decoder.push(chunk)
      progress.offset += chunk.length
      transfer?.rowsSoFar(writer.rows)
      const rows = writer.take()
      if (progress.offset > progress.start) yield* rows
      if (decoder.ended) break
    }
    decoder.end()
    transfer?.rowsSoFar(writer.rows)
    yield* writer.take()
  } catch (error) {
    if (signal.aborted) throw signal.reason
    // What is wrong with a value before it comes first, as with COPY; a second reading is for that alone.
    yield* writer.take()
    throw inBlob(request, asPgError(error), decoder.line)
  } finally {
    memory.end()
  }
}

/**
 * Codecs speak of "blob, line 2", and who reads binary files of "COPY blob, line 2, column 1", on the last line: which one it
 * is they do not know. Who converts characters knows not even the line.
 */
function inBlob(request: FileRequest, error: PgError, line: number): unknown {
  const { message, code, detail, hint, cause } = error
  const context = error.context ?? (isOfCharacter(error) ? `blob, line ${line}` : '')
  const at = context.lastIndexOf('\n') + 1
  const place = /^(?:COPY )?blob(, [^,]+)(?:(, \S+ )(\d+))?$/.exec(context.slice(at))
  if (place === null) return request.namesFile ? inFile(error, request.container, request.path) : error
  const [, inLine, column, number] = place
  const inColumn = column === undefined ? '' : `${column}${columnNames(request)[Number(number) - 1]}`
  const told = `${context.slice(0, at)}blob ${request.container}/${request.path}${inLine}${inColumn}`
  return new PgError({ message, code, detail, hint, cause, context: told })
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
  request: FileRequest,
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
    ...(request.withLine && request.namesFile && { afterLine: await nameOf(services, request) }),
    domains: request.columns.map(({ isDomain }) => isDomain),
  }
  return createRowDecoder(format, options, shape, target, writer)
}

/** As far as the database's encoding has its characters. */
async function nameOf({ conversions }: Services, { path, encoding }: FileRequest): Promise<Buffer> {
  const text = ` of ${path}`
  const encoded = await conversions.encodeAll([text], encoding).catch(() => [Buffer.from(encodeURI(text))])
  return Buffer.from(encoded[0] as Uint8Array)
}

/** The blob's bytes as `textRows` says that they are, in the database's encoding. */
async function* openRows(
  { config, server, conversions, memory: budget }: Services,
  request: RowsOfBlob,
  blob: Blob,
  coder: Coder,
  memory: MemoryLease,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { encoding } = request
  const isBinary = coder.format === 'binary'
  const asRead = conversionOnRead(isBinary ? coder.encoding : textRows(coder, encoding).encoding, encoding)
  if (asRead !== undefined) await checkConversion(conversions, asRead)
  const columns = coder.format === 'parquet' ? parquetColumns(request) : []
  const spool = { ...config, backendPid: request.call.pid }
  const bytes = readBlob(blob, { format: coder, columns, spool, memory: budget, signal })
  if (isBinary) {
    const limits = { backend: server.backend, maxRowBytes: budget.maxRowBytes, memory }
    yield* binaryAsText(limits, request, coder.encoding, bytes, signal)
  } else yield* asRead === undefined ? bytes : transcode(bytes, asRead, conversions)
}
