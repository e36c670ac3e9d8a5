import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createContainer } from '../support/azurite.ts'
import { blobIn, readBlob, writeBlob } from '../support/blobs.ts'
import { type FaultyStorage, startFaultyStorage } from '../support/faulty-storage.ts'
import { azurite } from '../support/servers.ts'

const contents = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 255))

let container: ContainerClient
let storage: FaultyStorage | undefined
beforeAll(async () => {
  container = await createContainer('broken')
  await writeBlob(blobIn(container, 'blob'), contents)
})
afterEach(() => storage?.close())
afterAll(() => container.delete())

it('a download goes on where the connection broke', async () => {
  storage = await startFaultyStorage(azurite, connection => (connection < 6 ? 100_000 : Number.POSITIVE_INFINITY))
  const bytes = await readBlob(blobIn(container, 'blob', storage.endpointTemplate))
  expect(bytes.equals(contents)).toBe(true)
  expect(storage.connections).toBeGreaterThan(6)
})

it('a download fails when the service breaks every connection', async () => {
  storage = await startFaultyStorage(azurite, connection => (connection === 0 ? 100_000 : 20))
  await expect(readBlob(blobIn(container, 'blob', storage.endpointTemplate))).rejects.toMatchObject({
    message: 'azure_storage: internal error while connecting',
    code: '08001',
  })
})

it('a download fails when the blob is replaced meanwhile', async () => {
  await writeBlob(blobIn(container, 'changing'), contents)
  const replace = () => writeBlob(blobIn(container, 'changing'), Buffer.alloc(contents.length))
  storage = await startFaultyStorage(
    azurite,
    connection => (connection === 0 ? 100_000 : Number.POSITIVE_INFINITY),
    replace,
  )
  await expect(readBlob(blobIn(container, 'changing', storage.endpointTemplate))).rejects.toMatchObject({
    message: 'azure_storage: the blob was changed while it was read',
    code: '55000',
  })
})

it('an upload survives a connection that breaks', async () => {
  storage = await startFaultyStorage(azurite, connection => (connection === 0 ? 10 : Number.POSITIVE_INFINITY))
  await writeBlob(blobIn(container, 'written', storage.endpointTemplate), contents)
  expect((await readBlob(blobIn(container, 'written'))).equals(contents)).toBe(true)
})
