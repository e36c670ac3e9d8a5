import type { Config } from '../config.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { RowsOfBlob } from './request.ts'

/** DataRow messages of a blob's rows. @throws PgError */
export async function* readBlobRows(
  _config: Config,
  _request: RowsOfBlob,
  _blob: Blob,
  _signal: AbortSignal,
): AsyncGenerator<Buffer> {
  yield Buffer.alloc(0)
  throw new PgError({ message: 'azure_storage: blob_get is not supported yet', code: SQLSTATE.featureNotSupported })
}
