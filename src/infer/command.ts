import { anonymous, type Credential, parseCredential } from '../credentials/credential.ts'
import { openBlob } from '../storage/blob-client.ts'
import { isBlobUrl, parseBlobUrl } from '../storage/blob-url.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'
import { type InferOptions, infer } from './infer.ts'
import { tableName } from './names.ts'
import { printed } from './print.ts'
import { fileBlob } from './source.ts'

export interface InferCommand extends InferOptions {
  readonly endpoints: StorageEndpoints
  /** Of accounts that are known, where the URL has none: a key or a SAS. */
  readonly secretOf: (account: string) => string | undefined
  readonly table?: string
}

/** What `blobgres infer` prints about a blob's URL or a file. @throws PgError */
export async function inferCommand(
  source: string,
  { endpoints, secretOf, table, ...options }: InferCommand,
): Promise<string> {
  if (!isBlobUrl(source)) {
    const inference = await infer(fileBlob(source), source, options)
    return printed(inference, table ?? tableName(source), { kind: 'file', path: source })
  }
  const { account, container, path, sas } = parseBlobUrl(source, endpoints)
  const secret = sas ?? secretOf(account)
  const credential: Credential = secret === undefined ? anonymous : parseCredential(secret)
  const inference = await infer(openBlob(endpoints, account, credential, container, path), path, options)
  // A SAS is a secret, and COPY has the account's own.
  const url = source.replace(/\?.*$/s, '')
  return printed(inference, table ?? tableName(path), { kind: 'blob', url, account, container, path })
}
