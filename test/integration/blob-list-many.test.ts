import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

/** More than the proxy asks for at a time; BLOBS=20000 for a longer look. */
const BLOBS = Number(process.env.BLOBS ?? 1501)
const WRITERS = 16

describe('blob_list of more blobs than a page of the service holds', () => {
  let container: ContainerClient
  beforeAll(async () => {
    container = await createContainer()
    let next = 0
    const write = async (): Promise<void> => {
      while (next < BLOBS) await container.getBlockBlobClient(`many/${String(next++).padStart(6, '0')}`).upload('', 0)
    }
    await Promise.all(Array.from({ length: WRITERS }, write))
  }, 300_000)
  afterAll(() => container.delete())

  test.each(servers)('lists them all in name order on PostgreSQL $version', async server => {
    const stack = await startCopyStack(server)
    const { rows } = await stack.client.query(
      `SELECT count(*)::int AS blobs, bool_and(path = format('many/%s', lpad((n - 1)::text, 6, '0'))) AS in_order
       FROM azure_storage.blob_list('${account.name}', '${container.containerName}', 'many/')
         WITH ORDINALITY AS t (path, bytes, last_modified, etag, content_type, content_encoding, content_hash, n)`,
    )
    expect(rows).toEqual([{ blobs: BLOBS, in_order: true }])
    await stack.close()
  })
})
