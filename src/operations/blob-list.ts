import { credentialOf } from '../credentials/access.ts'
import { type ListedBlob, listBlobs } from '../storage/blob-client.ts'
import type { BlobAccess } from './open-blob.ts'
import type { Target } from './rows-of-blob.ts'

/** The blobs of a container whose names begin with `prefix`. */
export interface ListRequest extends Omit<Target, 'call'> {
  readonly prefix: string
}

export const LIST_COLUMNS = [
  'path',
  'bytes',
  'last_modified',
  'etag',
  'content_type',
  'content_encoding',
  'content_hash',
]

export type ListRow = readonly (string | undefined)[]

/** The rows of a listing in name order, page by page: values of LIST_COLUMNS as text, NULL as undefined. @throws PgError */
export async function* listRows(
  access: BlobAccess,
  { account, container, prefix, grant, databaseName }: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<ListRow[]> {
  const credential = await credentialOf(account, grant, access)
  const takeFault = access.faults?.takerFor(databaseName)
  const pages = listBlobs(access.config.storageEndpoints, account, credential, container, prefix, signal, takeFault)
  for await (const blobs of pages) yield blobs.map(listRow)
}

const listRow = (blob: ListedBlob): ListRow => [
  blob.path,
  String(blob.bytes),
  blob.lastModified.toISOString(),
  blob.etag,
  blob.contentType,
  blob.contentEncoding,
  blob.contentHash,
]
