import { type CredentialAccess, credentialOf, type Grant } from '../credentials/access.ts'
import { parseCredential } from '../credentials/credential.ts'
import { type Blob, openBlob } from '../storage/blob-client.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'
import type { Faults } from '../storage/faults.ts'

/** What credentials are opened with, and where blobs are. */
export interface BlobAccess extends CredentialAccess {
  readonly config: { readonly storageEndpoints: StorageEndpoints }
  readonly faults?: Faults | undefined
}

export interface BlobToOpen {
  readonly account: string
  readonly container: string
  readonly path: string
  /** A credential of the statement's own. */
  readonly sas?: string | undefined
}

/** For a session of `database`; see databaseName(). @throws PgError where the credential cannot be used. */
export async function openBlobFor(
  access: BlobAccess,
  url: BlobToOpen,
  grant: Grant | undefined,
  database: string,
): Promise<Blob> {
  const { account, container, path, sas } = url
  const credential = sas === undefined ? await credentialOf(account, grant, access) : parseCredential(sas)
  return openBlob(
    access.config.storageEndpoints,
    account,
    credential,
    container,
    path,
    access.faults?.takerFor(database),
  )
}
