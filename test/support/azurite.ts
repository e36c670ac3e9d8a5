import { randomBytes } from 'node:crypto'
import { BlobServiceClient, type ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { StorageAccount } from '../../src/dev/azurite.ts'
import { azurite } from './servers.ts'

/** The blob service of one of the shared Azurite's accounts, the first unless told otherwise. */
export function blobService(account: StorageAccount | string = 'devacct1'): BlobServiceClient {
  const name = typeof account === 'string' ? account : account.name
  const known = azurite.accounts.find(each => each.name === name)
  if (known === undefined) throw new Error(`Azurite has no account ${name}`)
  const url = azurite.endpointTemplate.replace('{account}', name)
  return new BlobServiceClient(url, new StorageSharedKeyCredential(name, known.key))
}

/** A new container with a unique name; `delete()` it when done. */
export async function createContainer(prefix = 'test', account?: StorageAccount | string): Promise<ContainerClient> {
  const container = blobService(account).getContainerClient(`${prefix}-${randomBytes(6).toString('hex')}`)
  await container.create()
  return container
}
