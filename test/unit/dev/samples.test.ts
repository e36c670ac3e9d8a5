import { expect, it } from 'vitest'
import { sampleCsv } from '../../../src/dev/samples.ts'

it('the generated sample has a header and 1,000 rows, one of them with 780, and is the same every time', () => {
  const [header, ...rows] = sampleCsv().toString().trimEnd().split('\n')
  expect(header).toBe('id,sample_text,sample_integer,sample_timestamp')
  expect(rows).toHaveLength(1000)
  expect(rows[0]).toBe('1,birch ember,389,2024-01-01 01:01:01')
  expect(rows.filter(row => row.split(',')[2] === '780')).toHaveLength(1)
})
