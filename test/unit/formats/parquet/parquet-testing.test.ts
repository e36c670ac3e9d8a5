import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { expect, test } from 'vitest'
import { lines } from '../../../support/foreign-parquet.ts'
import { rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

/* Files of apache/parquet-testing, where their licence is as well. docs/parquet-testing.md has all of them. */

const FOLDER = join(import.meta.dirname, '../../../fixtures/parquet-testing')
const fileOf = (name: string): Buffer => readFileSync(join(FOLDER, name))
const read = (name: string, ...types: string[]): Promise<string> => rowsOf(fileOf(name), unnamed(...types.map(scalar)))

const objectsOf = (name: string): Promise<Record<string, unknown>[]> => {
  const { buffer, byteOffset, byteLength } = fileOf(name)
  const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  const bytes = (value: Uint8Array): Uint8Array => value
  return parquetReadObjects({ file, compressors, utf8: false, parsers: { geometryFromBytes: bytes } })
}
const hexOf = (value: unknown): string => Buffer.from(value as Uint8Array).toString('hex')

test('geometries into bytea are what the file has', async () => {
  const name = 'geospatial-with-nan.parquet'
  const expected = (await objectsOf(name)).map(
    ({ group, wkt, geometry }) => `${group}\t${wkt}\t\\\\x${hexOf(geometry)}`,
  )
  expect(await read(name, 'text', 'text', 'bytea')).toBe(lines(expected))
})

test('geometries for PostGIS, and as text', async () => {
  const name = 'geospatial-with-nan.parquet'
  const expected = (await objectsOf(name)).map(({ geometry }) => hexOf(geometry).toUpperCase())
  const columnOf = (rows: string): string[] =>
    rows
      .split('\n')
      .slice(0, -1)
      .map(row => row.split('\t')[2] as string)
  expect(columnOf(await read(name, 'text', 'text', 'public.geometry'))).toEqual(expected)
  expect(columnOf(await read(name, 'text', 'text', 'gis.geography'))).toEqual(expected)
  expect(columnOf(await read(name, 'text', 'text', 'text'))[0]).toBe('POINT ZM (10 20 30 40)')
})

test('timestamps of 96 bits, by Impala', async () => {
  const types = 'int4 bool int4 int4 int4 int8 float4 float8 bytea bytea timestamptz'.split(' ')
  const rows = (await read('alltypes_plain.parquet', ...types)).split('\n')
  const expected = (await objectsOf('alltypes_plain.parquet')).map(row => (row.timestamp_col as Date).toISOString())
  const instants = rows.slice(0, -1).map(row => new Date(row.split('\t')[10] as string).toISOString())
  expect(instants).toEqual(expected)
})

test('timestamps of 96 bits, by Spark, as their description says', async () => {
  const micros = [1704141296123456n, 1704070800000000n, 253402225200000000n, 1735599600000000n]
  const texts = ['2024-01-01 20:34:56.123456', '2024-01-01 01:00:00', '9999-12-31 03:00:00', '2024-12-30 23:00:00']
  expect(texts.map(text => BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1000n)).toEqual(
    micros.map(value => value - (value % 1_000_000n)),
  )
  expect(await read('int96_from_spark.parquet', 'timestamptz')).toBe(
    lines([...texts.map(text => `${text}+00`), '\\N', '290000-12-30 23:00:00+00']),
  )
})

test('a map without values', async () => {
  const rows = await read('map_no_value.parquet', 'jsonb', 'jsonb', 'jsonb')
  expect(rows.split('\n')[0]).toBe('{"1":null,"2":null,"3":null}\t[1,2,3]\t[1,2,3]')
})

test.each(['hadoop_lz4_compressed.parquet', 'non_hadoop_lz4_compressed.parquet'])('%s', async name => {
  const expected = (await objectsOf(name)).map(({ c0, c1, v11 }) => `${c0}\t\\\\x${hexOf(c1)}\t${v11}`)
  const rows = await read(name, 'int8', 'bytea', 'float8')
  expect(rows.replaceAll('.0\n', '\n')).toBe(lines(expected))
})

test('split streams: each type twice, once of them split', async () => {
  const types = 'float4 float4 float4 float4 float8 float8 int4 int4 int8 int8 bytea bytea numeric numeric'.split(' ')
  const rows = (await read('byte_stream_split_extended.gzip.parquet', ...types)).split('\n').slice(0, -1)
  expect(rows).toHaveLength(200)
  const objects = await objectsOf('byte_stream_split_extended.gzip.parquet')
  for (const [i, row] of rows.entries()) {
    const values = row.split('\t')
    for (let j = 0; j < values.length; j += 2) expect(values[j]).toBe(values[j + 1])
    const expected = Object.values(objects[i] as object)
    for (const j of [6, 7, 8, 9]) expect(values[j]).toBe(String(expected[j]))
    for (const j of [10, 11]) expect(values[j]).toBe(`\\\\x${hexOf(expected[j])}`)
    for (const j of [12, 13]) expect(Number(values[j])).toBeCloseTo(expected[j], 10)
  }
})

test.each([
  ['uniform_encryption.parquet.encrypted', 'Its footer is.'],
  ['encrypt_columns_plaintext_footer.parquet.encrypted', 'Column "float_field" is.'],
])('%s', async (name, detail) => {
  await expect(read(name, 'text')).rejects.toMatchObject({
    code: '0A000',
    message: 'azure_storage: the Parquet file is encrypted',
    detail,
  })
})

test('a VARIANT that the engine cannot read', async () => {
  await expect(read('case-131.parquet', 'int4', 'jsonb')).rejects.toMatchObject({ code: '0A000' })
})

test.each(['nullable.impala.parquet', 'old_list_structure.parquet', 'repeated_no_annotation.parquet'])(
  '%s as json',
  async name => {
    const objects = await objectsOf(name)
    const types = Object.keys(objects[0] as object).map(() => 'jsonb')
    const rows = (await read(name, ...types)).split('\n').slice(0, -1)
    const json = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value ?? null, (_, part) => (typeof part === 'bigint' ? Number(part) : (part ?? null))))
    expect(rows.map(row => row.split('\t').map(value => (value === '\\N' ? null : JSON.parse(value))))).toEqual(
      objects.map(row => Object.values(row).map(json)),
    )
  },
)
