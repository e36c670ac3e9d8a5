import { type ColumnChunk, parquetMetadata, parquetReadObjects, parquetSchema, type SchemaTree } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { expect, test } from 'vitest'
import type { Compression } from '../../../../src/formats/format.ts'
import type { ParquetColumn, Shape } from '../../../../src/formats/parquet/shape.ts'
import { array, columns, composite, numeric, parquetOf, scalar } from '../../../support/parquet-files.ts'

async function read(text: string, target: ParquetColumn[], compression?: Compression) {
  const { buffer, byteOffset, length } = await parquetOf(text, target, compression)
  const file = buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer
  const metadata = parquetMetadata(file)
  return { metadata, rows: await parquetReadObjects({ file, compressors, utf8: false }) }
}

const pair = composite({ 'a "b"': scalar('int4'), "c'd": scalar('text') })

test.each<[name: string, shape: Shape, texts: string[], values: unknown[], element: object]>([
  ['bool', scalar('bool'), ['t', 'f'], [true, false], { type: 'BOOLEAN' }],
  ['int2', scalar('int2'), ['-32768'], [-32768], { converted_type: 'INT_16' }],
  ['int4', scalar('int4'), ['-2147483648'], [-2147483648], { type: 'INT32' }],
  ['int8', scalar('int8'), ['9223372036854775807'], [2n ** 63n - 1n], { type: 'INT64' }],
  ['oid', scalar('oid'), ['4294967295'], [4294967295], { converted_type: 'UINT_32' }],
  ['float4', scalar('float4'), ['1.5', 'NaN', '-Infinity'], [1.5, Number.NaN, -Infinity], { type: 'FLOAT' }],
  ['float8', scalar('float8'), ['5e-324', 'Infinity', '-0'], [5e-324, Infinity, -0], { type: 'DOUBLE' }],
  [
    'numeric(9,2)',
    numeric(9, 2),
    ['-1234567.25'],
    [-1234567.25],
    { converted_type: 'DECIMAL', precision: 9, scale: 2 },
  ],
  ['numeric', scalar('numeric'), ['0.10'], ['0.10'], { type: 'BYTE_ARRAY', converted_type: 'UTF8' }],
  ['text', scalar('text'), ['', 'a\\tb\\\\n\\né"'], ['', 'a\tb\\n\né"'], { converted_type: 'UTF8' }],
  ['bytea', scalar('bytea'), ['\\\\x00ff'], [Uint8Array.of(0, 255)], { type: 'BYTE_ARRAY', converted_type: undefined }],
  ['date', scalar('date'), ['1969-12-31'], [new Date('1969-12-31')], { converted_type: 'DATE' }],
  ['time', scalar('time'), ['00:00:01.5'], [1_500_000n], { logical_type: { type: 'TIME', unit: 'MICROS' } }],
  ['timetz', scalar('timetz'), ['10:00:00+02'], ['10:00:00+02'], { converted_type: 'UTF8' }],
  [
    'timestamp',
    scalar('timestamp'),
    ['1969-12-31 23:59:59.999'],
    [new Date('1969-12-31T23:59:59.999Z')],
    { logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' } },
  ],
  [
    'timestamptz',
    scalar('timestamptz'),
    ['2024-01-01 02:00:00+05:30'],
    [new Date('2023-12-31T20:30:00Z')],
    { logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } },
  ],
  ['interval', scalar('interval'), ['1 mon 00:00:00.000001'], ['1 mon 00:00:00.000001'], { converted_type: 'UTF8' }],
  [
    'uuid',
    scalar('uuid'),
    [`${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(11)}a`],
    [`${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(11)}a`],
    { logical_type: { type: 'UUID' } },
  ],
  ['jsonb', scalar('jsonb'), ['{"a": [1]}'], [{ a: [1] }], { converted_type: 'JSON' }],
  ['enum', scalar('enum'), ['happy'], ['happy'], { converted_type: 'UTF8' }],
  ['int4[]', array(scalar('int4')), ['{}', '{1,NULL}'], [[], [1, null]], { converted_type: 'LIST' }],
  ['text[]', array(scalar('text')), ['{"a,\\\\"",NULL,"NULL"}'], [['a,"', null, 'NULL']], { converted_type: 'LIST' }],
  [
    'composite',
    pair,
    ['(1,"x, y")', '(,)'],
    [
      { 'a "b"': 1, "c'd": 'x, y' },
      { 'a "b"': null, "c'd": null },
    ],
    { num_children: 2 },
  ],
  [
    'composite[]',
    array(pair),
    ['{"(1,x)",NULL}'],
    [[{ 'a "b"': 1, "c'd": 'x' }, undefined]],
    { converted_type: 'LIST' },
  ],
])('%s', async (_name, shape, texts, values, element) => {
  const { metadata, rows } = await read(
    [...texts, '\\N'].map((text, i) => `${i}\t${text}\n`).join(''),
    columns({ id: scalar('int4'), 'The "value"': shape }),
  )
  expect(rows).toEqual(
    [...values, null].map((value, i) =>
      expect.objectContaining({ id: i, ...(value === null ? {} : { 'The "value"': value }) }),
    ),
  )
  expect(rows.at(-1)?.['The "value"'] ?? null).toBeNull()
  const [, found] = parquetSchema(metadata).children as [SchemaTree, SchemaTree]
  expect(found.element).toMatchObject({ name: 'The "value"', repetition_type: 'OPTIONAL', ...element })
})

test.each<[Compression, ColumnCodec]>([
  ['none', 'UNCOMPRESSED'],
  ['gzip', 'GZIP'],
  ['snappy', 'SNAPPY'],
  ['zstd', 'ZSTD'],
  ['brotli', 'BROTLI'],
  ['lz4', 'LZ4_RAW'],
])('compression %s', async (compression, codec) => {
  const text = Array.from({ length: 1000 }, (_, i) => `${i}\tvalue ${i % 10}\n`).join('')
  const { metadata, rows } = await read(text, columns({ id: scalar('int4'), t: scalar('text') }), compression)
  expect(rows.map(({ id, t }) => `${id}\t${t}\n`).join('')).toBe(text)
  const codecs = metadata.row_groups.flatMap(({ columns }) => columns.map(column => column.meta_data?.codec))
  expect(codecs).toEqual([codec, codec])
})

type ColumnCodec = NonNullable<ColumnChunk['meta_data']>['codec']

test('no rows: the columns are there', async () => {
  const { metadata, rows } = await read('', columns({ id: scalar('int8'), list: array(scalar('date')) }))
  expect(rows).toEqual([])
  expect(parquetSchema(metadata).children.map(child => child.element.name)).toEqual(['id', 'list'])
})

test('wide rows: row groups are bounded by their bytes', async () => {
  const value = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 10_007).join(' ')
  const text = Array.from({ length: 6000 }, (_, i) => `${i}\t${i}${value}\n`).join('')
  const { metadata, rows } = await read(text, columns({ id: scalar('int4'), t: scalar('text') }))
  expect(rows.every(({ id, t }, i) => id === i && t === i + value)).toBe(true)
  expect(metadata.row_groups.length).toBeGreaterThan(1)
})
