import { BlobServiceClient } from '@azure/storage-blob'
import pg from 'pg'
import type { Blobgres } from '../../src/index.ts'

/** Runs statements in one session, as the admin or whom `uri` is of; the last one's rows. */
export async function query(uri: string, ...statements: readonly string[]): Promise<unknown[]> {
  const client = new pg.Client(uri)
  await client.connect()
  try {
    const results = []
    for (const statement of statements) results.push(await client.query(statement))
    return results.at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}

/** Every blob with its content, of the stack's first account, but for the samples. */
export async function blobsOf({ storageConnectionString }: Blobgres): Promise<Record<string, string>> {
  const service = BlobServiceClient.fromConnectionString(storageConnectionString)
  const blobs: Record<string, string> = {}
  for await (const { name } of service.listContainers()) {
    if (name === 'samples') continue
    const container = service.getContainerClient(name)
    blobs[name] = 'container'
    for await (const blob of container.listBlobsFlat()) {
      blobs[`${name}/${blob.name}`] = (await container.getBlobClient(blob.name).downloadToBuffer()).toString()
    }
  }
  return blobs
}
