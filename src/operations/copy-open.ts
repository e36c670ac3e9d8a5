import { type Access, readAccess } from '../credentials/access.ts'
import { databaseName } from '../credentials/sealing.ts'
import { type ParquetColumn, readColumns } from '../formats/parquet/shape.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { FileSearch } from './copy-files.ts'
import { readFileSettings, readName } from './matching-files.ts'
import { type BlobAccess, type Container, openContainer } from './open-blob.ts'

/** A COPY whose blob can be opened, and what azure_storage_private.copy_open() has told besides. */
export interface OpenedCopy {
  /** @throws PgError */
  readonly blob: () => Blob
  /** Where its name is a pattern. */
  readonly files: FileSearch | undefined
  readonly statementTimeoutMs: number
  readonly blockSizeMb: number
  /** See Access. */
  readonly progress?: boolean | undefined
  /** Asked for where the blob is Parquet. */
  readonly columns: readonly ParquetColumn[]
}

/** Whose answer it is: the session's backend, and the database that the client has asked for. */
export interface CopyOrigin {
  readonly pid: number
  readonly database: string
}

/** What is wrong with a credential is told when the COPY has begun: PostgreSQL's own complaints come first. */
export async function openCopy(
  services: BlobAccess,
  { copy, challenge }: { readonly copy: CopyStatement; readonly challenge: string },
  row: Frame,
  origin: CopyOrigin,
): Promise<OpenedCopy> {
  const [access = '', proof = '', columnsInHex = '', fileSettings] = readValues(row)
  let told: Access = { grant: undefined, statementTimeoutMs: 0, blockSizeMb: 1, progress: undefined }
  let columns: ParquetColumn[] = []
  try {
    const question = { account: copy.url.account, challenge, ...origin }
    told = readAccess(Buffer.from(access, 'hex'), proof, question, services.sealingKey)
    columns = readColumns(JSON.parse(Buffer.from(columnsInHex, 'hex').toString() || '[]'))
    const database = databaseName(Buffer.from(origin.database))
    const container = await openContainer(services, copy.url, told.grant, database)
    return { ...told, columns, ...openFiles(container, copy, services, fileSettings) }
  } catch (error) {
    const blob = (): Blob => {
      throw error
    }
    return { ...told, columns, blob, files: undefined }
  }
}

/** @throws PgError */
function openFiles(
  container: Container,
  { url, files }: CopyStatement,
  { config }: BlobAccess,
  told: string | undefined,
): Pick<OpenedCopy, 'blob' | 'files'> {
  const settings = files && readFileSettings(JSON.parse(told ?? '{}'), config)
  const name = readName(url.path, files?.pattern, settings?.extras === true)
  const blob = container.blob(typeof name === 'string' ? name : url.path)
  if (typeof name === 'string' || settings === undefined) return { blob: () => blob, files: undefined }
  const search = { container, pattern: name, written: files?.pattern ?? url.path, maxFiles: settings.maxFiles }
  return { blob: () => blob, files: search }
}

function readValues(row: Frame): (string | undefined)[] {
  const body = frameBody(row)
  const values: (string | undefined)[] = []
  let offset = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const length = body.readInt32BE(offset)
    offset += 4
    values.push(length < 0 ? undefined : body.toString('utf8', offset, offset + length))
    offset += Math.max(0, length)
  }
  return values
}
