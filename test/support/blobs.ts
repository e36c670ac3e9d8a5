import { buffer } from 'node:stream/consumers'
import {
  type ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { type Credential, parseCredential } from '../../src/credentials/credential.ts'
import { type Blob, openBlob } from '../../src/storage/blob-client.ts'
import type { StorageEndpoints } from '../../src/storage/endpoints.ts'
import { azurite } from './servers.ts'

/** The first of Azurite's accounts. */
export const account = azurite.accounts[0] as (typeof azurite.accounts)[number]

/** That account's key, as the product sees it. */
export const accountKey: Credential = parseCredential(account.key)

export function endpoints(template: string = azurite.endpointTemplate): StorageEndpoints {
  return { defaultTemplate: template, accounts: new Map() }
}

const HOUR_MS = 3_600_000

/** A shared access signature for a container of the first account; one that has expired if it ends before now. */
export function containerSas({ containerName }: ContainerClient, permissions: string, expiresInMs = HOUR_MS): string {
  return generateBlobSASQueryParameters(
    {
      containerName,
      permissions: ContainerSASPermissions.parse(permissions),
      startsOn: new Date(Date.now() - 2 * HOUR_MS),
      expiresOn: new Date(Date.now() + expiresInMs),
    },
    new StorageSharedKeyCredential(account.name, account.key),
  ).toString()
}

/** A blob of the first account, opened with its key. */
export function blobIn(container: ContainerClient, path: string, template?: string): Blob {
  return openBlob(endpoints(template), account.name, accountKey, container.containerName, path)
}

/** Puts a blob with the product's own upload. */
export async function writeBlob(blob: Blob, contents: Buffer | string): Promise<void> {
  const bytes = Buffer.from(contents)
  const upload = blob.upload({ signal: new AbortController().signal, maxBlockBytes: 128 * 1024 * 1024 })
  for (let at = 0; at < bytes.length; at += 65_536) {
    if (!upload.append(bytes, at, Math.min(at + 65_536, bytes.length))) await upload.drained()
  }
  await upload.commit()
}

/** A blob's contents through the product's own download. */
export async function readBlob(blob: Blob): Promise<Buffer> {
  const { body } = await blob.download({ signal: new AbortController().signal })
  return buffer(body)
}
