import { type CredentialAccess, credentialOf, type Grant } from '../credentials/access.ts'
import { parseCredential } from '../credentials/credential.ts'
import { type Blob, openBlob } from '../storage/blob-client.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'

/** What credentials are opened with, and where blobs are. */
export interface BlobAccess extends CredentialAccess {
  readonly config: { readonly storageEndpoints: StorageEndpoints }
}

/** With a shared access signature, as a URL has it, the grant is not used. */
interface BlobAddress {
  readonly account: string
  readonly container: string
  readonly path: string
  readonly sas?: string | undefined
}

/** @throws PgError where the credential cannot be used. */
export async function openBlobFor(access: BlobAccess, blob: BlobAddress, grant: Grant | undefined): Promise<Blob> {
  const { account, container, path, sas } = blob
  const credential = sas === undefined ? await credentialOf(account, grant, access) : parseCredential(sas)
  return openBlob(access.config.storageEndpoints, account, credential, container, path)
}
