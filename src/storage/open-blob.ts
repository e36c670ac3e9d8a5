import { type CredentialAccess, credentialOf, type Grant } from './access.ts'
import { type Blob, openBlob } from './blob-client.ts'
import type { BlobUrl } from './blob-url.ts'
import { parseCredential } from './credentials.ts'
import type { StorageEndpoints } from './endpoints.ts'

/** What credentials are opened with, and where blobs are. */
export interface BlobAccess extends CredentialAccess {
  readonly config: { readonly storageEndpoints: StorageEndpoints }
}

/** @throws PgError where the credential cannot be used. */
export async function openBlobFor(access: BlobAccess, url: BlobUrl, grant: Grant | undefined): Promise<Blob> {
  const { account, container, path, sas } = url
  const credential = sas === undefined ? await credentialOf(account, grant, access) : parseCredential(sas)
  return openBlob(access.config.storageEndpoints, account, credential, container, path)
}
