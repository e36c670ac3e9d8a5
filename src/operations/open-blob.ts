import { type CredentialAccess, credentialOf, type Grant } from '../credentials/access.ts'
import { parseCredential } from '../credentials/credential.ts'
import { type Blob, type ListedBlob, listBlobs, openBlob } from '../storage/blob-client.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'

/** What credentials are opened with, and where blobs are. */
export interface BlobAccess extends CredentialAccess {
  readonly config: { readonly storageEndpoints: StorageEndpoints; readonly extras?: boolean }
}

/** A container, seen with one credential. */
export interface Container {
  readonly name: string
  /** @throws PgError */
  blob(path: string): Blob
  /** Those whose name begins with `prefix`, in name order, in pages. */
  list(prefix: string, signal: AbortSignal): AsyncGenerator<ListedBlob[]>
}

/** With `sas`, that is the credential. */
export interface ContainerPlace {
  readonly account: string
  readonly container: string
  readonly sas?: string | undefined
}

/** @throws PgError where the credential cannot be used. */
export async function openContainer(
  access: BlobAccess,
  { account, container, sas }: ContainerPlace,
  grant: Grant | undefined,
): Promise<Container> {
  const credential = sas === undefined ? await credentialOf(account, grant, access) : parseCredential(sas)
  const { storageEndpoints } = access.config
  return {
    name: container,
    blob: path => openBlob(storageEndpoints, account, credential, container, path),
    list: (prefix, signal) => listBlobs(storageEndpoints, account, credential, container, prefix, signal),
  }
}
