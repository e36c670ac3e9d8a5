import { expect, it } from 'vitest'
import { ReadBuffer } from '../../../src/session/read-buffer.ts'

const KIB = 1024

it('is short until a read fills it, and another one where somebody needs what was read', () => {
  const buffer = new ReadBuffer()
  const first = buffer.next()
  expect(first.length).toBe(2 * KIB)
  buffer.done(first.subarray(0, 100), false)
  expect(buffer.next()).toBe(first)
  buffer.done(first.subarray(0, 100), true)
  const second = buffer.next()
  expect(second).not.toBe(first)
  expect(second.length).toBe(2 * KIB)
  buffer.done(second, false)
  const long = buffer.next()
  expect(long.length).toBe(64 * KIB)
  buffer.done(long.subarray(0, 100), false)
  expect(buffer.next()).toBe(long)
})
