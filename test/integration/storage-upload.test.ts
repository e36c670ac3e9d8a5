import { createHash } from 'node:crypto'
import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createContainer } from '../support/azurite.ts'
import { blobIn, readBlob, writeBlob } from '../support/blobs.ts'

const MEBIBYTE = 1024 * 1024

let container: ContainerClient
beforeAll(async () => {
  container = await createContainer('upload')
})
afterAll(() => container.delete())

/** Repeats only after a prime number of bytes, so that a misplaced block shows. */
const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * 31 + (i >> 8)) & 255))

it.each([0, 1, 65_536, 8 * MEBIBYTE - 1, 8 * MEBIBYTE, 8 * MEBIBYTE + 1])('%i bytes come back', async length => {
  const contents = Buffer.alloc(length, pattern)
  const blob = blobIn(container, `blob-${length}`)
  await writeBlob(blob, contents)
  expect((await readBlob(blob)).equals(contents)).toBe(true)
})

it('replaces what was there', async () => {
  const blob = blobIn(container, 'replaced')
  await writeBlob(blob, 'a longer text')
  await writeBlob(blob, 'short')
  expect(String(await readBlob(blob))).toBe('short')
})

it('reads the bytes that are stored, whatever their Content-Encoding says', async () => {
  const blobHTTPHeaders = { blobContentEncoding: 'gzip', blobContentType: 'text/csv' }
  await container.getBlockBlobClient('labelled').upload('not gzip', 8, { blobHTTPHeaders })
  expect(String(await readBlob(blobIn(container, 'labelled')))).toBe('not gzip')
})

it('keeps memory bounded both ways', async () => {
  const blob = blobIn(container, 'large')
  const { signal } = new AbortController()
  const upload = blob.upload({ signal, maxBlockBytes: 128 * MEBIBYTE })
  const before = process.memoryUsage().rss
  let peak = 0
  const rounds = 2400
  const sent = createHash('sha256')
  for (let i = 0; i < rounds; i++) {
    sent.update(pattern)
    if (!upload.append(pattern, 0, pattern.length)) await upload.drained()
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  await upload.commit()
  const { body, size } = await blob.download({ signal })
  const received = createHash('sha256')
  for await (const chunk of body) {
    received.update(chunk)
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  expect(size).toBe(rounds * pattern.length)
  expect(received.digest('hex')).toBe(sent.digest('hex'))
  expect(peak - before).toBeLessThan(100 * MEBIBYTE)
})
