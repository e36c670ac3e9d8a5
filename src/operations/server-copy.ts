import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { type CopyStreamQuery, from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { Transfer } from '../activity/transfer.ts'
import { connectAdmin } from '../backend/admin.ts'
import { fromDatabase } from '../backend/database-error.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { encodeCopyText } from '../formats/copy-text.ts'
import { needsSingleColumn, resolveFileFormat } from '../formats/format.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { DataRowWriter } from '../formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../formats/rows/row-codecs.ts'
import type { MemoryLease } from '../memory-budget.ts'
import { asPgError, PgError } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { CopyPlan } from '../sql/copy-plan.ts'
import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import type { Blob } from '../storage/blob-client.ts'
import { readBlob } from '../transfer/read-blob.ts'
import { binaryAsText } from './binary-rows.ts'
import { readBlobColumns } from './blob-columns.ts'
import { columnNames, parquetColumns, TEXT_OPTIONS } from './blob-get.ts'
import { type FilesOfRequest, inFile } from './matching-files.ts'
import type { RowsOfBlob } from './rows-of-blob.ts'

/** A COPY that a function of the server runs, and the relation as it is there. */
export interface ServerCopy extends RowsOfBlob {
  readonly plan: CopyPlan
  /** Of the URL. */
  readonly sas: string | undefined
  readonly clientEncoding: string
  readonly relationName: string
  readonly relationColumns: readonly RelationColumn[]
  /** Where the rows are JSON Lines: how their columns take values. */
  readonly jsonColumns: readonly ParquetColumn[]
  /** Stands for a column's default, where the option DEFAULT has asked for it. */
  readonly defaultMark: string
}

export interface RelationColumn {
  readonly name: string
  readonly generated: boolean
  readonly hasDefault: boolean
}

/** Of COPY's binary format: signature, flags, length of the extension, and the end. */
const NO_BINARY_ROWS = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff', 'latin1')

/**
 * The rows of a blob as COPY FROM takes them, as DataRow messages of text values. PostgreSQL's own COPY reads them, into
 * a table of the proxy's session that is like the relation but for its types, which are all text: their code runs where
 * the rows go, as the caller. So every option means what it means to this server, and a mistake is told in its words.
 * @throws PgError
 */
export async function* readCopyRows(
  services: Services,
  copy: ServerCopy,
  files: FilesOfRequest,
  signal: AbortSignal,
  transfer?: Transfer,
): AsyncGenerator<Buffer> {
  const writer = new DataRowWriter(services.memory.maxRowBytes)
  const target = { majorVersion: services.serverMajorVersion, encoding: copy.encoding }
  const decoder = createRowDecoder('tsv', TEXT_OPTIONS, { columns: columnNames(copy), withLine: false }, target, writer)
  const memory = services.memory.open(signal)
  try {
    for await (const chunk of readAsText(services, copy, files, memory, signal)) {
      await memory.hold(writer.largeRowBytes(chunk.length))
      decoder.push(chunk)
      transfer?.rowsSoFar(writer.rows)
      yield* writer.take()
    }
    decoder.end()
    transfer?.rowsSoFar(writer.rows)
    yield* writer.take()
  } catch (error) {
    throw signal.aborted ? signal.reason : asPgError(error)
  } finally {
    memory.end()
  }
}

/** The names of its columns, a row each. @throws PgError */
export async function readCopyColumns(
  services: Services,
  { plan, clientEncoding }: ServerCopy,
  blob: Blob,
  signal: AbortSignal,
): Promise<string[][]> {
  const look = { format: plan, option: (name: string) => plan.given[name] }
  const { names, encoding } = await readBlobColumns(services, blob, look, clientEncoding, signal)
  if (encoding === 'UTF8') return names.map(name => [String(name)])
  return Promise.all(names.map(async name => [await services.conversions.decode(name, encoding)]))
}

/** In COPY's text format and the database's encoding. */
async function* readAsText(
  { config, server, memory: budget }: Services,
  copy: ServerCopy,
  files: FilesOfRequest,
  memory: MemoryLease,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { plan, call, columns } = copy
  if (plan.format === 'text' && columns.length !== 1) throw needsSingleColumn('decoder')
  const options = {
    columns: plan.format === 'parquet' ? parquetColumns(copy) : copy.jsonColumns,
    isMatched: plan.extraOptions.matchByName,
    spool: { ...config, backendPid: call.pid },
    memory: budget,
    signal,
  }
  const bytesOf = (path: string): AsyncGenerator<Buffer> => {
    const format = plan.files === null ? plan : resolveFileFormat(path, plan.format, plan.files.compression)
    return readBlob(files.open(path), { ...options, format }, ...(plan.format === 'text' ? [encodeCopyText()] : []))
  }
  const told = (error: unknown, path: string): unknown =>
    files.isPattern ? inFile(fromDatabase(error), copy.container, path) : error
  if (plan.format === 'binary') {
    await withTableAlike(server.backend, copy, signal, admin => copyIn(admin, copy, [NO_BINARY_ROWS], signal))
    const binary = { backend: server.backend, maxRowBytes: budget.maxRowBytes, memory }
    for (const path of files.paths) {
      try {
        yield* binaryAsText(binary, copy, copy.clientEncoding, bytesOf(path), signal)
      } catch (error) {
        throw told(error, path)
      }
    }
    return
  }
  const table = await openTableAlike(server.backend, copy, signal)
  try {
    for (const path of files.paths) {
      await copyIn(table.admin, copy, bytesOf(path), signal).catch(error => {
        throw told(error, path)
      })
    }
    const names = columns.flatMap(({ name }) => (name === undefined ? [] : [quoteIdent(name)]))
    const rows = names.length > 0 ? `${tableAlike(copy)} (${names})` : `(SELECT NULL FROM ${tableAlike(copy)})`
    const text = `COPY ${rows} TO STDOUT WITH (ENCODING ${quoteLiteral(copy.encoding)})`
    yield* table.admin.query(copyTo(text)) as AsyncIterable<Buffer>
  } catch (error) {
    throw inRelation(copy, fromDatabase(error))
  } finally {
    await table.close()
  }
}

/** Of a line that did not become a row the proxy tells: it knows the line alone. */
function inRelation({ relationName }: ServerCopy, error: unknown): unknown {
  if (!(error instanceof PgError) || !error.context?.startsWith('blob, ')) return error
  const { message, code, detail, hint, context } = error
  return new PgError({ message, code, detail, hint, context: `COPY ${relationName}${context.slice('blob'.length)}` })
}

/** Has PostgreSQL judge what a COPY TO says; of a query where it is one, or a standby, which takes no table. @throws PgError */
export async function checkCopyTo({ server }: Services, copy: ServerCopy, signal: AbortSignal): Promise<void> {
  const judge = async (admin: Client, source: string): Promise<void> => {
    for await (const _ of admin.query(copyTo(`COPY ${source} TO STDOUT ${options(copy)}`)));
  }
  if (!server.isStandby && copy.plan.query === null) {
    await withTableAlike(server.backend, copy, signal, admin => judge(admin, `${tableAlike(copy)}${list(copy)}`))
    return
  }
  const values = columnNames(copy).map(name => `''::pg_catalog.text AS ${quoteIdent(name)}`)
  const admin = await connectAdmin(server.backend, copy.call.database)
  try {
    await judge(admin, `(SELECT ${values.join(', ')} WHERE false)`)
  } catch (error) {
    throw fromDatabase(error)
  } finally {
    await admin.end()
  }
}

async function copyIn(
  admin: Client,
  copy: ServerCopy,
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const rows = admin.query(copyFrom(`COPY ${tableAlike(copy)}${list(copy)} FROM STDIN ${options(copy)}`))
  await pipeline(onceTaken(admin, rows, bytes), rows, { signal })
}

/** What is wrong with the COPY is told before anything is asked of the storage. */
async function* onceTaken(
  { connection }: Client,
  rows: CopyStreamQuery,
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<Buffer> {
  const isTaken = await new Promise<boolean>(resolve => {
    connection.once('copyInResponse', () => resolve(true))
    rows.once('close', () => resolve(false))
  })
  if (isTaken) yield* bytes
}

async function withTableAlike(
  backend: BackendConfig,
  copy: ServerCopy,
  signal: AbortSignal,
  work: (admin: Client) => Promise<void>,
): Promise<void> {
  const table = await openTableAlike(backend, copy, signal)
  try {
    await work(table.admin)
  } catch (error) {
    throw fromDatabase(error)
  } finally {
    await table.close()
  }
}

interface TableAlike {
  readonly admin: Client
  readonly close: () => Promise<void>
}

/** All that comes from the statement is quoted by us: this session is a superuser's. */
async function openTableAlike(backend: BackendConfig, copy: ServerCopy, signal: AbortSignal): Promise<TableAlike> {
  const admin = await connectAdmin(backend, copy.call.database)
  const stop = (): void => void admin.end()
  signal.addEventListener('abort', stop, { once: true })
  const close = (): Promise<void> => {
    signal.removeEventListener('abort', stop)
    return admin.end()
  }
  const columns = copy.relationColumns.map(({ name, generated, hasDefault }) => {
    const value = hasDefault ? `DEFAULT ${quoteLiteral(copy.defaultMark)}` : ''
    return `${quoteIdent(name)} text ${generated ? "GENERATED ALWAYS AS ('') STORED" : value}`
  })
  try {
    await admin.query(`CREATE TEMP TABLE ${quoteIdent(copy.relationName)} (${columns.join(', ')})`)
    return { admin, close }
  } catch (error) {
    await close()
    throw fromDatabase(error)
  }
}

const tableAlike = ({ relationName }: ServerCopy): string => `pg_temp.${quoteIdent(relationName)}`

const list = ({ plan }: ServerCopy): string =>
  plan.columns.length === 0 ? '' : ` (${plan.columns.map(quoteIdent).join(', ')})`

/** Without ENCODING, COPY takes files to be in the client's. */
function options({ plan, clientEncoding }: ServerCopy): string {
  const isSaid = 'encoding' in plan.given || ['parquet', 'jsonl', 'binary'].includes(plan.format)
  return `WITH (${plan.options}${isSaid ? '' : `, ENCODING ${quoteLiteral(clientEncoding)}`})`
}
