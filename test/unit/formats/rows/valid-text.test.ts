import { expect, test, vi } from 'vitest'
import { validLength } from '../../../../src/formats/rows/valid-text.ts'

const { isUtf8, calls } = vi.hoisted(() => ({ isUtf8: { of: (_bytes: Buffer): boolean => true }, calls: { count: 0 } }))
vi.mock('node:buffer', async original => {
  const buffer = await original<typeof import('node:buffer')>()
  isUtf8.of = buffer.isUtf8
  return {
    ...buffer,
    isUtf8: (bytes: Buffer) => {
      calls.count++
      return isUtf8.of(bytes)
    },
  }
})

test.each([
  ['at the beginning', [0xff], 0],
  ['cut off by the end of a block', [...Buffer.from('a'.repeat(16 * 1024 - 1)), 0xc3, 0x78], 16 * 1024 - 1],
  ['behind a block', [...Buffer.from('é'.repeat(16 * 1024)), 0xff], 32 * 1024],
  ['a NUL', [...Buffer.from('é'.repeat(20 * 1024)), 0], 40 * 1024],
  ['nowhere', [...Buffer.from('€'.repeat(20 * 1024))], 60 * 1024],
  ['a character too short at the end', [...Buffer.from('€'.repeat(20 * 1024)), 0xe2, 0x82], 60 * 1024],
])('tells where a text is not valid: %s', (_, bytes, expected) => {
  expect(validLength(Buffer.from(bytes), 'UTF8')).toBe(expected)
})

test('does not look at each character of a large text', () => {
  calls.count = 0
  const bytes = Buffer.concat([Buffer.alloc(8 * 1024 * 1024, 'é'), Buffer.from([0xff])])
  expect(validLength(bytes, 'UTF8')).toBe(bytes.length - 1)
  expect(calls.count).toBeLessThan(10_000)
})
