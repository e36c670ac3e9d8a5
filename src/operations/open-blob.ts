import type { Occurrences } from '../activity/occurrences.ts'
import { type CredentialAccess, credentialOf, type Grant } from '../credentials/access.ts'
import { parseCredential } from '../credentials/credential.ts'
import { type Blob, type ListedBlob, listBlobs, openBlob, type RequestHooks } from '../storage/blob-client.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'
import type { FaultStore } from '../storage/faults.ts'

/** What credentials are opened with, and where blobs are. */
export interface BlobAccess extends CredentialAccess {
  readonly config: { readonly storageEndpoints: StorageEndpoints; readonly extras?: boolean }
  readonly faults?: FaultStore | undefined
  readonly occurrences?: Occurrences | undefined
}

/** For requests on behalf of sessions of `database`. */
export function hooksFor({ faults, occurrences }: BlobAccess, database: string): RequestHooks {
  return {
    takeFault: faults?.takerFor(database),
    onAnswer: occurrences && (answer => void occurrences.emit('storageAnswered', answer)),
  }
}

/** A container, seen with one credential. */
export interface Container {
  readonly name: string
  /** @throws PgError */
  blob(path: string): Blob
  /** Those whose name begins with `prefix`, in name order, in pages. */
  list(prefix: string, signal: AbortSignal): AsyncGenerator<ListedBlob[]>
}

export interface ContainerPlace {
  readonly account: string
  readonly container: string
  /** A credential of the statement's own. */
  readonly sas?: string | undefined
}

/** For a session of `database`; see databaseName(). @throws PgError where the credential cannot be used. */
export async function openContainer(
  access: BlobAccess,
  { account, container, sas }: ContainerPlace,
  grant: Grant | undefined,
  database: string,
): Promise<Container> {
  const credential = sas === undefined ? await credentialOf(account, grant, access) : parseCredential(sas)
  const { storageEndpoints } = access.config
  const hooks = hooksFor(access, database)
  return {
    name: container,
    blob: path => openBlob(storageEndpoints, account, credential, container, path, hooks),
    list: (prefix, signal) => listBlobs(storageEndpoints, account, credential, container, prefix, signal, hooks),
  }
}
