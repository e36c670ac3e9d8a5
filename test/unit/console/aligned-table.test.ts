import { expect, it } from 'vitest'
import { alignedTable } from '../../../src/console/aligned-table.ts'

const first = (value: string): string => {
  const table = alignedTable({ columns: [{ name: 'a', isNumber: false }], rows: [[value]] })
  return (table.split('\n')[2] as string).slice(1)
}

it('puts what follows a tab at the next stop', () => {
  expect(first('a\tb\t漢\tc')).toBe('a       b       漢      c')
})

it('takes a value of many tabs', () => {
  const tabs = 300_000
  expect(first('\t'.repeat(tabs))).toBe(' '.repeat(8 * tabs))
})
