import { expect, it } from 'vitest'
import { HeldBytes } from '../../../src/protocol/held-bytes.ts'
import { everySplit } from '../../support/stream-bytes.ts'

it('knows the header as soon as it has come, whatever the pieces', () => {
  for (const pieces of everySplit(Buffer.from('Q\0\0\x01\0abc'))) {
    const held = new HeldBytes()
    for (const piece of pieces) {
      held.push(piece)
      expect(held.header).toEqual(held.length < 5 ? undefined : { code: 0x51, length: 256 })
    }
    expect(held.take().toString()).toBe('Q\0\0\x01\0abc')
    expect([held.length, held.header, held.take().length]).toEqual([0, undefined, 0])
  }
})

it('keeps nothing alive but what it holds', () => {
  const read = Buffer.allocUnsafeSlow(64 * 1024).fill('x')
  const held = new HeldBytes()
  for (let i = 0; i < 3000; i++) held.push(read.subarray(i, i + 1))
  read.fill('y')
  expect(held.take().equals(Buffer.alloc(3000, 'x'))).toBe(true)
})

it('takes a long message in pieces as they are, and joins them once', () => {
  const held = new HeldBytes()
  const piece = Buffer.allocUnsafeSlow(1024).fill('x')
  for (let i = 0; i < 3000; i++) held.push(piece)
  expect(held.take()).toHaveLength(3000 * 1024)
})
