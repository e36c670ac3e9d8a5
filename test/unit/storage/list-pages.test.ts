import { expect, test } from 'vitest'
import { FIRST_PAGE_BLOBS, nextPageSize } from '../../../src/storage/list-pages.ts'

const sizeAfter = (name: string): number => nextPageSize(Array(FIRST_PAGE_BLOBS).fill(name))

test('a page has the fewer blobs, the longer their names are in XML', () => {
  const sizes = ['data/part-0001.csv', 'x'.repeat(1024), '&'.repeat(1024)].map(sizeAfter)
  expect(sizes).toEqual([300, 104, 28])
})

test('after an empty page it is a large one', () => {
  expect(nextPageSize([])).toBe(300)
})
