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
