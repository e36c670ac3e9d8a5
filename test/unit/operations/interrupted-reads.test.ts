import { expect, test } from 'vitest'
import { InterruptedReads } from '../../../src/operations/interrupted-reads.ts'
import type { RowsOfBlob } from '../../../src/operations/rows-of-blob.ts'

const MEBIBYTE = 1024 * 1024
const read = (statement: string, path = 'a.csv'): RowsOfBlob =>
  ({ call: { pid: 7, statement }, container: 'box', path }) as unknown as RowsOfBlob

test('a second look begins a good deal before where the first one ended', () => {
  const reads = new InterruptedReads()
  reads.add(read('1'), 100 * MEBIBYTE)
  expect(reads.takeStart(read('1'))).toBe(76 * MEBIBYTE)
  expect(reads.takeStart(read('1'))).toBe(0)
})

test('only for the same blob in the same statement', () => {
  const reads = new InterruptedReads()
  reads.add(read('1'), 100 * MEBIBYTE)
  expect(reads.takeStart(read('2'))).toBe(0)
  expect(reads.takeStart(read('1', 'b.csv'))).toBe(0)
})

test('a short one begins at the beginning', () => {
  const reads = new InterruptedReads()
  reads.add(read('1'), MEBIBYTE)
  expect(reads.takeStart(read('1'))).toBe(0)
})
