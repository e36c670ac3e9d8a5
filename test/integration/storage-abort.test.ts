import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createContainer } from '../support/azurite.ts'
import { blobIn, readBlob, writeBlob } from '../support/blobs.ts'

const block = Buffer.alloc(64 * 1024, 'new ')

let container: ContainerClient
beforeAll(async () => {
  container = await createContainer('abort')
})
afterAll(() => container.delete())

it('an aborted upload leaves the old blob', async () => {
  const blob = blobIn(container, 'old')
  await writeBlob(blob, 'old contents')
  const upload = blob.upload({ signal: new AbortController().signal, maxBlockBytes: block.length })
  for (let i = 0; i < 10; i++) if (!upload.append(block, 0, block.length)) await upload.drained()
  upload.abort()
  await expect(upload.commit()).rejects.toMatchObject({ name: 'AbortError' })
  expect(String(await readBlob(blob))).toBe('old contents')
})

it('an aborted upload makes no blob', async () => {
  const upload = blobIn(container, 'none').upload({ signal: new AbortController().signal, maxBlockBytes: block.length })
  for (let i = 0; i < 10; i++) if (!upload.append(block, 0, block.length)) await upload.drained()
  upload.abort()
  await sleep(50)
  expect(await container.getBlobClient('none').exists()).toBe(false)
})

it('an upload to a container that is missing fails early', async () => {
  const elsewhere = await createContainer('abort-gone')
  await elsewhere.delete()
  const upload = blobIn(elsewhere, 'x').upload({ signal: new AbortController().signal, maxBlockBytes: block.length })
  upload.append(block, 0, block.length)
  expect(await upload.failed).toMatchObject({
    message: 'azure_storage: container with the given name does not exist',
    code: '58P01',
  })
})

it('two uploads to one blob do not mix', async () => {
  const blob = blobIn(container, 'contended')
  const uploads = ['a', 'b'].map(letter => {
    const bytes = Buffer.alloc(64 * 1024, letter)
    const upload = blob.upload({ signal: new AbortController().signal, maxBlockBytes: bytes.length })
    upload.append(bytes, 0, bytes.length)
    upload.append(bytes, 0, bytes.length)
    return upload
  })
  const results = await Promise.allSettled(uploads.map(upload => upload.commit()))
  expect(results.some(result => result.status === 'fulfilled')).toBe(true)
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: '55000' })
  }
  expect(String(await readBlob(blob))).toMatch(/^(a{131072}|b{131072})$/)
})

it('an aborted download ends with the reason', async () => {
  const blob = blobIn(container, 'read')
  await writeBlob(blob, Buffer.alloc(4 * 1024 * 1024, 'x'))
  const caller = new AbortController()
  const { body } = await blob.download({ signal: caller.signal })
  const reason = new Error('client is gone')
  const reading = (async () => {
    for await (const _ of body) caller.abort(reason)
  })()
  await expect(reading).rejects.toBe(reason)
})

it('a download that nobody reads can be aborted', async () => {
  const blob = blobIn(container, 'unread')
  await writeBlob(blob, Buffer.alloc(4 * 1024 * 1024, 'x'))
  const caller = new AbortController()
  const { body } = await blob.download({ signal: caller.signal })
  caller.abort()
  await sleep(10)
  expect(body.destroyed).toBe(true)
})
