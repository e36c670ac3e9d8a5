import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { compareNames, sortNames } from '../../../src/storage/name-order.ts'
import { Random } from '../../support/random.ts'

const CHARS = ['a', 'b', '/', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}']

it('names are in the order of their bytes, however many', async () => {
  const random = new Random(7)
  const name = () => Array.from({ length: random.below(5) }, () => CHARS[random.below(CHARS.length)]).join('')
  const names = Array.from({ length: 3000 }, name)
  const sorted = await sortNames(names, () => undefined)
  const expected = names.map(text => Buffer.from(text)).sort(Buffer.compare)
  expect(sorted).toEqual(expected.map(String))
  for (let i = 1; i < sorted.length; i++)
    expect(compareNames(sorted[i - 1] as string, sorted[i] as string) <= 0).toBe(true)
})

it('others have their turn while they are sorted', async () => {
  let pauses = 0
  await sortNames(
    Array.from({ length: 3000 }, (_, i) => String(i)),
    () => {
      pauses++
      return nextTurn()
    },
  )
  expect(pauses).toBeGreaterThan(10)
})
