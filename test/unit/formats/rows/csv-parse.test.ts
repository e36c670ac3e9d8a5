import { parse } from 'csv-parse/sync'
import { expect, it } from 'vitest'
import { createRowDecoder, createRowEncoder } from '../../../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../../../src/formats/rows/row-options.ts'
import { decodeRows } from '../../../support/data-rows.ts'
import { Random } from '../../../support/random.ts'

const TARGET = { majorVersion: 18, encoding: 'UTF8' }
const COLUMNS = ['a', 'b', 'c']

it('writes csv that csv-parse reads as the decoder does', () => {
  const random = new Random(7)
  for (let i = 0; i < 200; i++) {
    const rows = random.times(20, () => COLUMNS.map(() => randomValue(random)))
    const literals = rows.map(row => `(${row.map(value => `"${value.replace(/["\\]/g, '$&$&')}"`)})`)
    const encoder = createRowEncoder('csv', readRowOptions({}, 'csv', 'put'), COLUMNS, TARGET)
    const csv = Buffer.from(encoder.encode(Buffer.from(literals.join(''))))
    expect(parse(csv, { record_delimiter: '\n' })).toEqual(rows)

    const options = readRowOptions({}, 'csv', 'get')
    const shape = { columns: COLUMNS, withLine: false }
    const middle = random.below(csv.length + 1)
    const chunks = [csv.subarray(0, middle), csv.subarray(middle)]
    expect(decodeRows(writer => createRowDecoder('csv', options, shape, TARGET, writer), chunks)).toEqual(rows)
  }
})

function randomValue(random: Random): string {
  return random
    .times(6, () => random.pick([',', '"', '\n', '\r\n', '\\', 'é', ' ', '日本', 'words', '(', ')', '1']))
    .join('')
}
