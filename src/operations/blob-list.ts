import type { ListedBlob } from '../storage/blob-client.ts'
import { type BlobAccess, openContainer } from './open-blob.ts'
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
  request: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<ListRow[]> {
  const container = await openContainer(access, request, request.grant, request.databaseName)
  for await (const blobs of container.list(request.prefix, signal)) yield blobs.map(listRow)
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
