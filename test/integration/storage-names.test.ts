import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseBlobUrl } from '../../src/storage/blob-url.ts'
import { createContainer } from '../support/azurite.ts'
import { account, blobIn, endpoints, readBlob, writeBlob } from '../support/blobs.ts'
import { azurite } from '../support/servers.ts'

let container: ContainerClient
beforeAll(async () => {
  container = await createContainer('names')
})
afterAll(() => container.delete())

it.each([
  'a b.csv',
  '100%.csv',
  '%41.csv',
  'what?.csv',
  'a?sig=b',
  'a#b.csv',
  'it\'s+(1)*~!&=;,@:$[]{}|^`"<>',
  '日本/😀.csv',
  'e\u0301 é',
  'a//b',
  '/a',
  'a/',
  '...',
  'n'.repeat(1024),
])('the blob name %s is kept', async name => {
  await writeBlob(blobIn(container, name), name)
  expect(String(await container.getBlobClient(name).downloadToBuffer())).toBe(name)
  expect(String(await readBlob(blobIn(container, name)))).toBe(name)
  const url = `${azurite.endpointTemplate.replace('{account}', account.name)}/${container.containerName}/`
  expect(parseBlobUrl(url + encodeURIComponent(name), endpoints())).toMatchObject({
    account: account.name,
    container: container.containerName,
    path: name,
  })
})
