import * as arrow from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import { byArrow, decimal, field, lines, wasm } from '../../../support/foreign-parquet.ts'
import { array, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const { Compression, Encoding, WriterVersion } = wasm
const codecs = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW', 'LZ4'] as const
const COUNT = 5000

const ints = Array.from({ length: COUNT }, (_, i) => (i % 7 === 0 ? null : (i * 7919) % 100_003))
const hex = (value: number): string => value.toString(16).padStart(10, '0')

const columns: readonly [
  name: string,
  type: arrow.DataType,
  target: string,
  value: (i: number) => unknown,
  text: (i: number) => string,
][] = [
  ['int32', new arrow.Int32(), 'int4', i => i, String],
  ['int64', new arrow.Int64(), 'int8', i => BigInt(i) ** 3n, i => String(BigInt(i) ** 3n)],
  [
    'dates',
    new arrow.DateDay(),
    'date',
    i => new Date(i * 86_400_000),
    i => new Date(i * 86_400_000).toISOString().slice(0, 10),
  ],
  ['decimals', new arrow.Decimal(2, 30), 'numeric', i => decimal(BigInt(i), 4), i => (i / 100).toFixed(2)],
  [
    'bytes',
    new arrow.FixedSizeBinary(5),
    'bytea',
    i => new Uint8Array(Buffer.from(hex(i), 'hex')),
    i => `\\\\x${hex(i)}`,
  ],
]

describe.each([WriterVersion.V1, WriterVersion.V2])('pages of version %#', version => {
  test.each(columns)('%s', async (_name, type, target, value, text) => {
    const values = ints.map(i => (i === null ? null : value(i)))
    const file = byArrow(type, values, to =>
      to
        .setWriterVersion(version)
        .setDictionaryEnabled(false)
        .setEncoding(Encoding.BYTE_STREAM_SPLIT)
        .setDataPageSizeLimit(2000),
    )
    expect(file.includes(Buffer.from('PAR1'))).toBe(true)
    const expected = lines(ints.map(i => (i === null ? '\\N' : text(i))))
    expect((await rowsOf(file, unnamed(scalar(target)))) === expected).toBe(true)
  })

  test.each(codecs)('%s, in lists', async codec => {
    const values = ints.map((i, at) => (at % 5 === 0 ? null : [i, at, null].slice(0, at % 4)))
    const file = byArrow(new arrow.List(field(new arrow.Int32())), values, to =>
      to
        .setWriterVersion(version)
        .setDictionaryEnabled(false)
        .setEncoding(Encoding.BYTE_STREAM_SPLIT)
        .setCompression(Compression[codec])
        .setMaxRowGroupSize(2048),
    )
    const items = (list: readonly (number | null)[]): string =>
      list.map(item => (item === null ? 'NULL' : `"${item}"`)).join(',')
    const expected = lines(values.map(list => (list === null ? '\\N' : `{${items(list)}}`)))
    expect((await rowsOf(file, unnamed(array(scalar('int4'))))) === expected).toBe(true)
  })
})

test('a dictionary, and then plain pages', async () => {
  const values = Array.from({ length: 30_000 }, (_, i) => (i < 10_000 ? i % 10 : i * 7919))
  const file = byArrow(new arrow.Int32(), values, to =>
    to.setWriterVersion(WriterVersion.V2).setDictionaryPageSizeLimit(1000).setEncoding(Encoding.BYTE_STREAM_SPLIT),
  )
  expect((await rowsOf(file, unnamed(scalar('int4')))) === lines(values.map(String))).toBe(true)
})
