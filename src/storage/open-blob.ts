import { type Blob, openBlob } from './blob-client.ts'
import type { BlobUrl } from './blob-url.ts'
import { anonymous, type Credential, parseCredential } from './credentials.ts'
import type { StorageEndpoints } from './endpoints.ts'
import { openGrant } from './grants.ts'
import type { ManagedIdentity } from './managed-identity.ts'
import type { SealingKey } from './sealing.ts'

/** How the database says to reach an account; without `authType`: anonymously. */
export interface Grant {
  readonly sealed: string | undefined
  readonly authType: string | undefined
  readonly mac: string | undefined
  /** The session's azure_storage.credential_encryption_key. */
  readonly passphrase: string | undefined
  readonly challenge: string
}

/** What credentials are opened with, and where blobs are. */
export interface BlobAccess {
  readonly config: { readonly storageEndpoints: StorageEndpoints }
  readonly sealingKey: SealingKey
  readonly identity: ManagedIdentity
}

/** @throws PgError where the credential cannot be used. */
export async function openBlobFor(access: BlobAccess, url: BlobUrl, grant: Grant): Promise<Blob> {
  const credential = url.sas === undefined ? await credentialOf(url.account, grant, access) : parseCredential(url.sas)
  return openBlob(access.config.storageEndpoints, url.account, credential, url.container, url.path)
}

async function credentialOf(account: string, grant: Grant, { sealingKey, identity }: BlobAccess): Promise<Credential> {
  const { authType, sealed = null, mac = '', passphrase = '', challenge } = grant
  if (authType === undefined) return anonymous
  const credential = await openGrant({ account, authType, sealed, mac, passphrase }, challenge, sealingKey)
  return credential === null ? { kind: 'managed-identity', identity } : parseCredential(credential)
}
