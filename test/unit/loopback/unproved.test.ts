import { expect, test } from 'vitest'
import { UnprovedConnections } from '../../../src/loopback/unproved.ts'

const MEBIBYTE = 1024 * 1024

function connections() {
  const destroyed: string[] = []
  const make = (name: string) => ({ destroy: () => void destroyed.push(name) })
  return { destroyed, make, unproved: new UnprovedConnections() }
}

test('past a thousand, the oldest goes', () => {
  const { destroyed, make, unproved } = connections()
  for (let i = 0; i < 1003; i++) unproved.add(make(String(i)))
  expect(destroyed).toEqual(['0', '1', '2'])
})

test('past 64 MiB that they have sent, too', () => {
  const { destroyed, make, unproved } = connections()
  const [first, second, third] = [make('first'), make('second'), make('third')]
  for (const each of [first, second, third]) unproved.add(each)
  unproved.received(first, 4 * MEBIBYTE)
  unproved.received(second, 60 * MEBIBYTE)
  expect(destroyed).toEqual([])
  unproved.received(third, 1)
  expect(destroyed).toEqual(['first'])
})

test('what has proved itself counts no more', () => {
  const { destroyed, make, unproved } = connections()
  const [first, second] = [make('first'), make('second')]
  unproved.add(first)
  unproved.add(second)
  unproved.received(first, 64 * MEBIBYTE)
  unproved.remove(first)
  unproved.received(first, 64 * MEBIBYTE)
  unproved.received(second, 64 * MEBIBYTE)
  expect(destroyed).toEqual([])
})
