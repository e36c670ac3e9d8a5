import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import * as arrow from 'apache-arrow'
import { parquetReadObjects, type SchemaElement } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { WriterPropertiesBuilder } from 'parquet-wasm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Shape } from '../../../../src/formats/parquet/shape.ts'
import { byArrow, byHyparquet, decimal, field, lines, wasm } from '../../../support/foreign-parquet.ts'
import { array, composite, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const ints = array(scalar('int4'))

describe('by DuckDB', () => {
  let folder: string
  let db: DuckDBConnection
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parquet-'))
    db = await (await DuckDBInstance.create()).connect()
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function written(query: string, options = ''): Promise<Buffer> {
    const path = join(folder, 'file')
    await db.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options})`)
    return readFileSync(path)
  }

  test.each<[sql: string, shape: Shape, text: string]>([
    ['255::UTINYINT', scalar('int2'), '255'],
    ['18446744073709551615::UBIGINT', scalar('numeric'), '18446744073709551615'],
    ['1.0::DOUBLE', scalar('int4'), '1'],
    ['2.00::DECIMAL(9, 2)', scalar('int8'), '2'],
    ['1.5::FLOAT', scalar('int4'), '1.5'],
    ["'2024-01-01 00:00:00.123456789'::TIMESTAMP_NS", scalar('timestamp'), '2024-01-01 00:00:00.123456789'],
    ["'2024-01-01 00:00:00.123'::TIMESTAMP_MS", scalar('timestamp'), '2024-01-01 00:00:00.123'],
    ["'2024-01-01 02:00:00+02'::TIMESTAMPTZ", scalar('timestamptz'), '2024-01-01 00:00:00+00'],
    ["'0044-03-15 (BC) 10:00:00'::TIMESTAMP", scalar('timestamp'), '0044-03-15 10:00:00 BC'],
    ["'-infinity'::DATE", scalar('date'), '-infinity'],
    ["'10:11:12.123456789'::TIME_NS", scalar('time'), '10:11:12.123456789'],
    ["'10:11:12.5+05'::TIMETZ", scalar('timetz'), '05:11:12.5+00'],
    ["INTERVAL '1 year 2 days 3.5 seconds'", scalar('interval'), '1 year 2 days 00:00:03.5'],
    ["'a'::ENUM('a', 'b')", scalar('enum'), 'a'],
    ['\'{"a": "\\t"}\'::JSON', scalar('jsonb'), '{"a": "\\\\t"}'],
    ["'\\x61\\xC3\\xA9'::BLOB", scalar('text'), 'aé'],
    ["'\\x00\\xFF'::BLOB", scalar('bytea'), '\\\\x00ff'],
    ["'é'", scalar('bytea'), '\\\\xc3a9'],
    ["'x' || chr(9) || chr(10) || chr(92) || chr(13)", scalar('text'), 'x\\t\\n\\\\\\r'],
    ['[[1], [2, NULL]]', ints, '{{"1"},{"2",NULL}}'],
    ['[1, NULL, 3]::INTEGER[3]', ints, '{"1",NULL,"3"}'],
    ['[1, NULL]', scalar('jsonb'), '[1,null]'],
    ['[1, NULL]', scalar('text'), '[1,null]'],
    ["MAP {'a': 1, 'b': NULL}", scalar('json'), '{"a":1,"b":null}'],
    ["{'x': [1], 'y': NULL::DATE, 'z': 'q\"'}", scalar('jsonb'), '{"x":[1],"y":null,"z":"q\\\\""}'],
    [
      "[{'a': 1, 'b': 'x y'}]",
      array(composite({ a: scalar('int4'), b: scalar('text') })),
      '{"(\\\\"1\\\\",\\\\"x y\\\\")"}',
    ],
    ["{'a': 1}::VARIANT", scalar('jsonb'), '{"a":1}'],
    ['NULL', scalar('int4'), '\\N'],
  ])('%s', async (sql, shape, text) => {
    expect(await rowsOf(await written(`SELECT ${sql} UNION ALL SELECT NULL`), unnamed(shape))).toBe(
      lines([text, '\\N']),
    )
  })

  test.each([
    ['version 2', ', PARQUET_VERSION V2'],
    ['many row groups', ', ROW_GROUP_SIZE 2048'],
    ['gzip, no dictionaries', ', COMPRESSION gzip, DICTIONARY_SIZE_LIMIT 1'],
    ['version 2, lz4_raw, no dictionaries', ', PARQUET_VERSION V2, COMPRESSION lz4_raw, DICTIONARY_SIZE_LIMIT 1'],
    ['brotli', ', COMPRESSION brotli'],
  ])('%s', async (_name, options) => {
    const query = `SELECT i, i * 1.5::DOUBLE, 'value ' || i, CASE WHEN i % 3 > 0 THEN i END FROM range(20000) r(i)`
    const file = await written(query, options)
    const rows = Array.from({ length: 20_000 }, (_, i) => {
      const double = Number.isInteger(i * 1.5) ? `${i * 1.5}.0` : i * 1.5
      return `${i}\t${double}\tvalue ${i}\t${i % 3 > 0 ? i : '\\N'}`
    })
    const types = ['int8', 'float8', 'text', 'int8'].map(scalar)
    expect((await rowsOf(file, unnamed(...types))) === lines(rows)).toBe(true)
  })

  test('bytes that are no text', async () => {
    await expect(rowsOf(await written("SELECT '\\xFF'::BLOB"), unnamed(scalar('text')))).rejects.toMatchObject({
      code: '22021',
      message: 'azure_storage: bytes of the Parquet file are not text',
    })
  })
})

describe('by Arrow', () => {
  test.each<[type: arrow.DataType, shape: Shape, values: unknown[], texts: string[]]>([
    [new arrow.Int8(), scalar('int2'), [-128, null], ['-128', '\\N']],
    [new arrow.Uint32(), scalar('int8'), [4294967295], ['4294967295']],
    [new arrow.Float16(), scalar('float4'), [1.5, null], ['1.5', '\\N']],
    [
      new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()),
      scalar('text'),
      ['a', 'b', 'a', null],
      ['a', 'b', 'a', '\\N'],
    ],
    [new arrow.LargeUtf8(), scalar('text'), ['é'], ['é']],
    [new arrow.FixedSizeBinary(16), scalar('uuid'), [new Uint8Array(16).fill(1)], ['01'.repeat(16)]],
    [new arrow.TimestampMillisecond(), scalar('timestamp'), [-1], ['1969-12-31 23:59:59.999']],
    [new arrow.DateDay(), scalar('date'), [new Date('1969-12-31')], ['1969-12-31']],
    [new arrow.TimeMillisecond(), scalar('time'), [86399999], ['23:59:59.999']],
    // The engine has no finer times than PostgreSQL.
    [new arrow.TimeNanosecond(), scalar('time'), [86399999999999n], ['23:59:59.999999']],
    [new arrow.Decimal(2, 5), scalar('numeric'), [decimal(12345n, 4), decimal(-5n, 4)], ['123.45', '-0.05']],
    [new arrow.Decimal(2, 15), scalar('numeric'), [decimal(12345n, 4)], ['123.45']],
    [new arrow.Decimal(0, 38), scalar('numeric'), [decimal(10n ** 38n - 1n, 4)], ['9'.repeat(38)]],
    [new arrow.List(field(new arrow.Int32())), ints, [[1, null], [], null], ['{"1",NULL}', '{}', '\\N']],
    [
      new arrow.Struct([field(new arrow.Int32(), 'x'), field(new arrow.Utf8(), 'y')]),
      composite({ x: scalar('int4'), y: scalar('text') }),
      [{ x: 1, y: 'q"' }, null, { x: null, y: null }],
      ['("1","q\\\\"")', '\\N', '(,)'],
    ],
    [new arrow.Null(), scalar('int4'), [null], ['\\N']],
    [new arrow.Int32(), scalar('int4'), [], []],
  ])('%s', async (type, shape, values, texts) => {
    expect(await rowsOf(byArrow(type, values), unnamed(shape))).toBe(lines(texts))
  })

  const { Compression, Encoding, WriterVersion } = wasm
  test.each<[string, arrow.DataType, string, unknown[], (builder: WriterPropertiesBuilder) => WriterPropertiesBuilder]>(
    [
      ['deltas', new arrow.Int64(), 'int8', [1n, 5n, -100000n], to => to.setEncoding(Encoding.DELTA_BINARY_PACKED)],
      ['delta bytes', new arrow.Utf8(), 'text', ['abc', 'abd', ''], to => to.setEncoding(Encoding.DELTA_BYTE_ARRAY)],
      ['delta lengths', new arrow.Utf8(), 'text', ['abc', 'x'], to => to.setEncoding(Encoding.DELTA_LENGTH_BYTE_ARRAY)],
      ['split streams', new arrow.Float64(), 'float8', [1.5, -2.5], to => to.setEncoding(Encoding.BYTE_STREAM_SPLIT)],
      ['zstd', new arrow.Utf8(), 'text', ['a', 'b'], to => to.setCompression(Compression.ZSTD)],
    ],
  )('%s', async (_name, type, target, values, set) => {
    const file = byArrow(type, values, to => set(to.setDictionaryEnabled(false).setWriterVersion(WriterVersion.V2)))
    expect(await rowsOf(file, unnamed(scalar(target)))).toBe(lines(values.map(String)))
  })

  test('more digits than 38', async () => {
    const file = byArrow(new arrow.Decimal(0, 76, 256), [decimal(10n ** 76n - 1n, 8)])
    await expect(rowsOf(file, unnamed(scalar('numeric')))).rejects.toMatchObject({
      code: '0A000',
      detail: 'They are in column "a".',
    })
  })

  test('the compression that Parquet has given up', async () => {
    const texts = ['abc'.repeat(100), null, 'é']
    const file = byArrow(new arrow.Utf8(), texts, to => to.setCompression(Compression.LZ4))
    expect(await rowsOf(file, unnamed(scalar('text')))).toBe(lines([texts[0] as string, '\\N', 'é']))
  })
})

describe('by hyparquet-writer', () => {
  test('its basic types', async () => {
    const file = parquetWriteBuffer({
      columnData: [
        { name: 'bool', type: 'BOOLEAN', data: [true, null] },
        { name: 'int', type: 'INT32', data: [-1, null] },
        { name: 'bigint', type: 'INT64', data: [2n ** 63n - 1n, null] },
        { name: 'double', type: 'DOUBLE', data: [0.1, null] },
        { name: 'string', type: 'STRING', data: ['a\tb', null] },
        { name: 'json', type: 'JSON', data: [{ a: [1] }, null] },
        { name: 'timestamp', type: 'TIMESTAMP', data: [new Date('1969-12-31T23:59:59.999Z'), null] },
        { name: 'uuid', type: 'UUID', data: ['00000000-0000-0000-0000-00000000000a', null] },
        { name: 'half', type: 'FLOAT16', data: [0.5, null] },
      ],
    })
    const types = ['bool', 'int4', 'int8', 'float8', 'text', 'jsonb', 'timestamptz', 'uuid', 'float4']
    const [values, nulls] = [
      'true\t-1\t9223372036854775807\t0.1\ta\\tb\t{"a":[1]}\t1969-12-31 23:59:59.999+00',
      Array(9).fill('\\N').join('\t'),
    ]
    expect(await rowsOf(new Uint8Array(file), unnamed(...types.map(scalar)))).toBe(
      lines([`${values}\t00000000-0000-0000-0000-00000000000a\t0.5`, nulls as string]),
    )
  })

  test.each<[name: string, element: Partial<SchemaElement>, data: unknown[], target: string, text: string]>([
    [
      'decimals in 32 bits',
      { type: 'INT32', converted_type: 'DECIMAL', scale: 2, precision: 9 },
      [-1.25],
      'numeric',
      '-1.25',
    ],
    [
      'decimals in bytes',
      { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 8, converted_type: 'DECIMAL', scale: 1, precision: 18 },
      [2.5],
      'numeric',
      '2.5',
    ],
    ['bytes', { type: 'BYTE_ARRAY' }, [Uint8Array.of(0x61, 0xc3, 0xa9)], 'varchar', 'aé'],
    ['enums', { type: 'BYTE_ARRAY', converted_type: 'ENUM' }, ['happy'], 'enum', 'happy'],
    ['milliseconds of the day', { type: 'INT32', converted_type: 'TIME_MILLIS' }, [1000], 'time', '00:00:01'],
  ])('%s', async (_name, element, data, target, text) => {
    expect(await rowsOf(byHyparquet(element, data), unnamed(scalar(target)))).toBe(`${text}\n`)
  })
})

test('three million flights, as another reader reads them', async () => {
  const file = readFileSync(join(import.meta.dirname, '../../../../node_modules/vega-datasets/data/flights-3m.parquet'))
  const target = unnamed(...['timestamp', 'int8', 'int8', 'text', 'text'].map(scalar))
  const lines = (await rowsOf(file, target)).split('\n')
  expect(lines.pop()).toBe('')
  expect(lines).toHaveLength(3_000_000)
  const whole = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
  for (const rowStart of [0, 2_950_000]) {
    const rowEnd = rowStart + 50_000
    const rows = await parquetReadObjects({ file: whole, compressors, rowStart, rowEnd })
    const expected = rows.map(({ date, delay, distance, origin, destination }) => {
      const at = (date as Date).toISOString().replace('T', ' ').replace('.000Z', '')
      return [at, delay, distance, origin, destination].map(value => value ?? '\\N').join('\t')
    })
    expect(lines.slice(rowStart, rowEnd)).toEqual(expected)
  }
}, 60_000)
