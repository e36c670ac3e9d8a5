import * as arrow from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import { byArrow, decimal, field, lines, mapOf } from '../../../support/foreign-parquet.ts'
import { array, composite, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const unescapedJson = (text: string): unknown => JSON.parse(text.replaceAll('\\\\', '\\'))

async function jsonOf(type: arrow.DataType, value: unknown): Promise<string> {
  const struct = new arrow.Struct([field(type, 'v')])
  const rows = await rowsOf(byArrow(struct, [{ v: value }]), unnamed(scalar('jsonb')))
  unescapedJson(rows)
  return rows.slice('{"v":'.length, -'}\n'.length)
}

// What PostgreSQL 18 gives of the same values: to_json(row(…)).
test.each<[string, arrow.DataType, unknown, string]>([
  ['NaN', new arrow.Float64(), Number.NaN, '"NaN"'],
  ['Infinity', new arrow.Float64(), Infinity, '"Infinity"'],
  ['-Infinity', new arrow.Float32(), -Infinity, '"-Infinity"'],
  ['null', new arrow.Float64(), null, 'null'],
  ['a list of doubles', new arrow.List(field(new arrow.Float64())), [1.5, Number.NaN, null], '[1.5,"NaN",null]'],
  ['1e300', new arrow.Float64(), 1e300, '1e+300'],
  ['a bigint', new arrow.Int64(), 2n ** 63n - 1n, '9223372036854775807'],
  ['a decimal', new arrow.Decimal(2, 5), decimal(110n, 4), '1.10'],
  ['a decimal below 1', new arrow.Decimal(2, 2), decimal(-5n, 4), '-0.05'],
  [
    'a decimal of 38 digits',
    new arrow.Decimal(10, 38),
    decimal(10n ** 38n - 1n, 4),
    `${'9'.repeat(28)}.${'9'.repeat(10)}`,
  ],
  ['true', new arrow.Bool(), true, 'true'],
  ['a date', new arrow.DateDay(), new Date('2024-07-01'), '"2024-07-01"'],
  ['a timestamp', new arrow.TimestampMillisecond(), -62_198_755_200_001, '"0003-12-31T23:59:59.999 BC"'],
  ['bytes', new arrow.Binary(), Uint8Array.of(0, 255), '"\\\\\\\\x00ff"'],
  ['text', new arrow.Utf8(), 'q"\\\n\u0001é', '"q\\\\"\\\\\\\\\\\\n\\\\u0001é"'],
  ['an empty list', new arrow.List(field(new arrow.Int32())), [], '[]'],
  [
    'a map',
    mapOf(new arrow.Utf8(), new arrow.Float64()),
    new Map([
      ['a"', Number.NaN],
      ['b', null],
    ]),
    '{"a\\\\"":"NaN","b":null}',
  ],
  [
    'a map by numbers',
    mapOf(new arrow.Int32(), new arrow.Decimal(2, 5)),
    new Map([[1, decimal(110n, 4)]]),
    '{"1":1.10}',
  ],
])('%s', async (_name, type, value, json) => {
  expect(await jsonOf(type, value)).toBe(json)
})

test('a column of doubles into json', async () => {
  const rows = await rowsOf(byArrow(new arrow.Float64(), [Number.NaN, 1.5, null]), unnamed(scalar('json')))
  expect(rows).toBe(lines(['"NaN"', '1.5', '\\N']))
})

describe('a map', () => {
  const file = byArrow(mapOf(new arrow.Utf8(), new arrow.Utf8()), [
    new Map([
      ['a"\\', '1'],
      ['b', null],
    ]),
    new Map(),
    null,
  ])

  test('into hstore', async () => {
    const rows = await rowsOf(file, unnamed(scalar('public.hstore')))
    expect(rows.replaceAll('\\\\', '\\')).toBe(lines(['"a\\"\\\\"=>"1","b"=>NULL', '', '\\N']))
  })

  test('into text', async () => {
    const rows = await rowsOf(file, unnamed(scalar('text')))
    expect(rows.replaceAll('\\\\', '\\')).toBe(lines(['{"a\\"\\\\":"1","b":null}', '{}', '\\N']))
  })

  test('into an array of key and value', async () => {
    const pair = composite({ key: scalar('text'), value: scalar('text') })
    const rows = await rowsOf(
      byArrow(mapOf(new arrow.Utf8(), new arrow.Int32()), [new Map([['a', 1]])]),
      unnamed(array(pair)),
    )
    expect(rows.replaceAll('\\\\', '\\')).toBe('{"(\\"a\\",\\"1\\")"}\n')
  })
})
