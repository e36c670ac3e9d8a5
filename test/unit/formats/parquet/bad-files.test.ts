import { parquetWriteBuffer } from 'hyparquet-writer'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeParquet } from '../../../../src/formats/parquet/write-parquet.ts'
import { columns, numeric, parquetOf, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const target = unnamed(scalar('int4'), scalar('text'))
const badFile = { code: '22P04', message: 'azure_storage: the blob is not a valid Parquet file' }

describe('what is no Parquet file', () => {
  let file: Buffer
  beforeAll(async () => {
    const rows = Array.from({ length: 300_000 }, (_, i) => `${i}\tvalue ${(i * 7919) % 100_003}\n`)
    file = await parquetOf(rows.join(''), target)
  })

  test.each<[name: string, damage: (file: Buffer) => Buffer]>([
    ['no bytes', () => Buffer.alloc(0)],
    ['a csv', () => Buffer.from('1,a\n2,b\n'.repeat(100))],
    ['the magic and nothing else', () => Buffer.from('PAR1PAR1')],
    ['a wrong magic', whole => Buffer.concat([whole.subarray(0, -4), Buffer.from('XXXX')])],
    ['a truncated file', whole => whole.subarray(0, whole.length / 2)],
    ['a file without its beginning', whole => whole.subarray(1000)],
    ['a footer length beyond the file', whole => withFooterLength(whole, 0x7fffffff)],
    ['noise for a footer', whole => withNoise(whole, whole.length - 8 - footerLength(whole), whole.length - 8)],
  ])('%s', async (_name, damage) => {
    const error = await rowsOf(damage(file), target).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject(badFile)
    expect(String((error as { detail?: string }).detail)).toMatch(/^(?!.*(\/proc|Error|DuckDB|Thrift|Protocol)).{10,}/)
  })

  test('a corrupt page in the last row group', async () => {
    const end = file.length - 8 - footerLength(file)
    await expect(rowsOf(withNoise(file, end - 100_000, end), target)).rejects.toMatchObject(badFile)
  })

  test('an engine that is used again after all that', async () => {
    expect(await rowsOf(await parquetOf('1\ta\n', target), target)).toBe('1\ta\n')
  })
})

test('LZO', async () => {
  const file = Buffer.from(
    parquetWriteBuffer({ columnData: [{ name: 'a', data: ['x'.repeat(500)], type: 'STRING' }], codec: 'SNAPPY' }),
  )
  // Field 4 of ColumnMetaData: the i32 1 after the list with the path. 3 is LZO.
  const at = file.indexOf(Buffer.from([0x19, 0x18, 0x01, 0x61, 0x15, 0x02])) + 5
  file[at] = 0x06
  await expect(rowsOf(file, unnamed(scalar('text')))).rejects.toMatchObject({
    code: '0A000',
    message: 'azure_storage: the Parquet file has a compression that is not supported',
    detail: 'It is LZO.',
  })
})

test('another number of columns', async () => {
  const file = await parquetOf('1\ta\n', target)
  await expect(rowsOf(file, [...target, ...columns({ c: numeric(5, 2) })])).rejects.toMatchObject({
    code: '22P04',
    message: 'azure_storage: the Parquet file has 2 columns, but 3 columns are expected',
    detail: "The file's columns: a INTEGER, b VARCHAR. Expected: a int4, b text, c numeric.",
  })
})

test('10,000 columns', async () => {
  const wide = Array.from({ length: 10_000 }, (_, i) => ({ name: `column ${i}`, data: [i], type: 'INT32' as const }))
  const error = await rowsOf(Buffer.from(parquetWriteBuffer({ columnData: wide })), target).catch(reason => reason)
  expect(error).toMatchObject({
    code: '22P04',
    detail: expect.stringMatching(/column 19 INTEGER, and 9980 more\. Exp/),
  })
})

describe('values that Parquet has no form for', () => {
  test.each([
    ['date', scalar('date'), 'infinity', 'The value is infinity.'],
    ['timestamp', scalar('timestamp'), '-infinity', 'The value is -infinity.'],
    ['timestamptz', scalar('timestamptz'), '294276-12-31 00:00:00+00', 'The value is 294276-12-31 00:00:00+00.'],
    ['numeric', numeric(5, 2), 'NaN', 'The value is NaN.'],
    ['array', { kind: 'array', element: scalar('int4') }, '{{1},{2}}', 'It has more than one dimension.'],
    ['array', { kind: 'array', element: scalar('int4') }, '[0:1]={1,2}', 'Its lower bound is not 1.'],
    ['array', { kind: 'array', element: scalar('date') }, '{2024-01-01,infinity}', 'The value is infinity.'],
  ] as const)('%s %s', async (_name, shape, value, detail) => {
    await expect(parquetOf(`1\t${value}\n`, columns({ id: scalar('int4'), 'a "c"': shape }))).rejects.toMatchObject({
      code: '22000',
      message: 'azure_storage: Parquet cannot hold a value of column "a "c""',
      detail,
    })
  })
})

test('a row of more than 64 MiB', async () => {
  await expect(parquetOf(`1\ta\n2\t${'x'.repeat(64 * 1024 * 1024)}\n`, target)).rejects.toMatchObject({
    code: '54000',
    message: 'azure_storage: a row is too large for Parquet',
  })
})

test('a folder for temporary files that is not there', async () => {
  const encoder = writeParquet(target, 'snappy', { tempDir: '/nowhere' })
  const error = await new Promise(resolve => encoder.on('error', resolve).end('1\ta\n'))
  expect(error).toMatchObject({ code: '58030', message: 'azure_storage: there is no place for a temporary file' })
})

const footerLength = (file: Buffer): number => file.readUInt32LE(file.length - 8)

function withFooterLength(file: Buffer, length: number): Buffer {
  const copy = Buffer.from(file)
  copy.writeUInt32LE(length, file.length - 8)
  return copy
}

function withNoise(file: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.from(file)
  for (let i = start; i < end; i++) copy[i] = (copy[i] as number) ^ ((i * 31) & 0xff) ^ 0x55
  return copy
}
