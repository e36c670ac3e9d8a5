import { expect, it } from 'vitest'
import { columnNames } from '../../../src/infer/names.ts'

it('shortens names as PostgreSQL would, but for the numbers of equal ones', () => {
  const x = 'x'.repeat(70)
  expect(columnNames([x, x])).toEqual(['x'.repeat(63), `${'x'.repeat(61)}_2`])
  expect(columnNames([`${'x'.repeat(60)}😀`, '😀'.repeat(40)])).toEqual(['x'.repeat(60), '😀'.repeat(15)])
})

it('takes a line that is one name', () => {
  expect(columnNames(['ä'.repeat(1_000_000)])).toEqual(['ä'.repeat(31)])
})

it('numbers equal names, past those that are there', () => {
  expect(columnNames(['a', 'a_3', 'a', 'a', 'b', 'b', 'a'])).toEqual(['a', 'a_3', 'a_2', 'a_4', 'b', 'b_2', 'a_5'])
  const names = columnNames(Array.from({ length: 100_000 }, () => 'a'))
  expect([names.at(1), names.at(-1), new Set(names).size]).toEqual(['a_2', 'a_100000', 100_000])
})
