import type { Services } from '../services.ts'
import { type Blob, openBlob } from './blob-client.ts'
import type { BlobUrl } from './blob-url.ts'
import { anonymous, type Credential, parseCredential } from './credentials.ts'
import { openGrant } from './sealing.ts'

/** How the database says to reach an account; without `authType`: anonymously. */
export interface Grant {
  readonly sealed: string | undefined
  readonly authType: string | undefined
  readonly mac: string | undefined
  /** The session's azure_storage.credential_encryption_key. */
  readonly passphrase: string | undefined
  readonly challenge: string
}

/** @throws PgError where the credential cannot be used. */
export function openBlobFor(services: Services, url: BlobUrl, grant: Grant): Blob {
  const credential = url.sas === undefined ? credentialOf(url.account, grant, services) : parseCredential(url.sas)
  return openBlob(services.config.storageEndpoints, url.account, credential, url.container, url.path)
}

function credentialOf(account: string, grant: Grant, { sealingKey, identity }: Services): Credential {
  const { authType, sealed = null, mac = '', passphrase = '', challenge } = grant
  if (authType === undefined) return anonymous
  const credential = openGrant({ account, authType, sealed, mac, passphrase }, challenge, sealingKey)
  return credential === null ? { kind: 'managed-identity', identity } : parseCredential(credential)
}
