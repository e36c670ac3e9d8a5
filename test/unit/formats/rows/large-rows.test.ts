import { describe, expect, it } from 'vitest'
import type { Format } from '../../../../src/formats/format.ts'
import { encodeLargeRows } from '../../../../src/formats/rows/large-rows.ts'
import { createRowEncoder } from '../../../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../../../src/formats/rows/row-options.ts'

const MB = 1024 * 1024
const TARGET = { majorVersion: 18, encoding: 'UTF8' }

const record = (value: string, bytes: number): Buffer =>
  Buffer.concat([Buffer.from('("'), Buffer.alloc(bytes, value), Buffer.from('",b)')])
const binary = (bytes: number): Buffer => {
  const head = Buffer.from([0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 0])
  head.writeInt32BE(bytes, 8)
  return Buffer.from(`${head.toString('hex')}${'a1'.repeat(bytes)}\n`)
}

describe('a thread encodes rows as it is done without', () => {
  it.each<[Format, object, Buffer]>([
    ['csv', {}, record('""', MB)],
    ['tsv', {}, record('x\t\n\\\\', MB)],
    ['binary', {}, binary(MB)],
  ])('as %s, with %j', async (format, given, rows) => {
    const options = readRowOptions(given, format, 'put')
    const expected = Buffer.from(createRowEncoder(format, options, ['a', 'b'], TARGET).encode(Buffer.from(rows)))
    const { bytes, count } = await encodeLargeRows([format, options, ['a', 'b'], TARGET], rows)
    expect([bytes.equals(expected), count]).toEqual([true, 1])
  })

  it('in the order of the calls, those that fail too', async () => {
    const options = readRowOptions({}, 'csv', 'put')
    const encode = (rows: Buffer) => encodeLargeRows(['csv', options, ['a', 'b'], TARGET], rows)
    const results = await Promise.allSettled(
      [record('x', 3 * MB), Buffer.alloc(3 * MB), record('y', 3 * MB)].map(encode),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({
      reason: { message: expect.stringContaining('a row is not a record literal') },
    })
  })
})
