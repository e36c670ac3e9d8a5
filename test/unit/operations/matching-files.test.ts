import { expect, it } from 'vitest'
import { findFiles } from '../../../src/operations/matching-files.ts'
import type { Container } from '../../../src/operations/open-blob.ts'
import { type Pattern, parsePattern } from '../../../src/storage/glob.ts'

it('refuses names that are too long together', async () => {
  const page = Array.from({ length: 1000 }, (_, i) => ({ path: `${i}/${'x'.repeat(1000)}`, bytes: 1 }))
  let pages = 0
  const container = {
    name: 'c',
    async *list() {
      for (; pages < 50; pages++) yield page
    },
  } as unknown as Container
  const found = findFiles(container, parsePattern('*/*') as Pattern, '*/*', 100_000, new AbortController().signal)
  await expect(found).rejects.toMatchObject({
    code: '54000',
    message: 'azure_storage: the names of the blobs that match the pattern are too long',
  })
  expect(pages).toBe(16)
})
