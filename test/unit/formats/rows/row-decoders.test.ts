import { describe, expect, it } from 'vitest'
import type { Format } from '../../../../src/formats/format.ts'
import { DataRowWriter } from '../../../../src/formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../../../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../../../src/formats/rows/row-options.ts'
import { decodeRows, type Row, readDataRows } from '../../../support/data-rows.ts'
import { everySplit } from '../../../support/stream-bytes.ts'

interface Settings {
  readonly columns?: readonly string[]
  readonly options?: object
  readonly withLine?: boolean
  readonly majorVersion?: number
  readonly encoding?: string
}

function decode(format: Format, chunks: Iterable<Buffer>, settings: Settings = {}): Row[] {
  const { columns = ['a', 'b'], options, withLine = false, majorVersion = 18, encoding = 'UTF8' } = settings
  const rowOptions = readRowOptions(options, format, 'get')
  const target = { majorVersion, encoding }
  return decodeRows(writer => createRowDecoder(format, rowOptions, { columns, withLine }, target, writer), chunks)
}

function decodeEverySplit(format: Format, file: string | Buffer, settings?: Settings): Row[] {
  const bytes = Buffer.from(file as string)
  const rows = decode(format, [bytes], settings)
  for (const chunks of everySplit(bytes)) expect(decode(format, chunks, settings)).toEqual(rows)
  return rows
}

describe('csv', () => {
  it('reads rows wherever chunks end', () => {
    const file = '1,"two ""2"", and"\r\n,""\r\n"\r\n\n",日本😀\r\n'
    expect(decodeEverySplit('csv', file)).toEqual([
      ['1', 'two "2", and'],
      [null, ''],
      ['\r\n\n', '日本😀'],
    ])
  })

  it('says on which line a row begins', () => {
    const file = 'a,b\n1,x\n2,"y\ny"\n3,z'
    expect(decodeEverySplit('csv', file, { withLine: true, options: { header: true } })).toEqual([
      ['2', '1', 'x'],
      ['3', '2', 'y\ny'],
      ['5', '3', 'z'],
    ])
  })

  it('ends at an end marker up to PostgreSQL 17', () => {
    const file = '1,2\n\\.\n\xff'
    expect(decodeEverySplit('csv', file, { majorVersion: 17 })).toEqual([['1', '2']])
    expect(() => decode('csv', [Buffer.from(file)])).toThrow('missing data for column "b"')
  })

  it('fails with the line in the context', () => {
    expect(() => decode('csv', [Buffer.from('1,2\n3,4,5\n')])).toThrow(
      expect.objectContaining({
        code: '22P04',
        message: 'extra data after last expected column',
        context: 'blob, line 2',
      }),
    )
  })

  it('gives the rows before the one that is wrong', () => {
    const writer = new DataRowWriter(1000)
    const options = readRowOptions({}, 'csv', 'get')
    const shape = { columns: ['a'], withLine: false }
    const decoder = createRowDecoder('csv', options, shape, { majorVersion: 18, encoding: 'UTF8' }, writer)
    expect(() => decoder.push(Buffer.from('1\n2\n\xff\n', 'latin1'))).toThrow('0xff')
    expect(writer.take().map(buffer => buffer.length)).toEqual([24])
  })

  it('gives what a row has before it says what it lacks, unless a type may refuse the rest', () => {
    const options = readRowOptions({}, 'csv', 'get')
    for (const [domains, rows] of [
      [
        [false, false, false],
        [
          ['1', 'x', null],
          ['2', null, null],
        ],
      ],
      [[false, false, true], [['1', 'x', null]]],
    ] as const) {
      const writer = new DataRowWriter(1000)
      const shape = { columns: ['a', 'b', 'c'], withLine: false, domains }
      const decoder = createRowDecoder('csv', options, shape, { majorVersion: 18, encoding: 'UTF8' }, writer)
      expect(() => decoder.push(Buffer.from('1,x,\n2\n'))).toThrow('missing data for column "b"')
      expect(readDataRows(writer.take())).toEqual(rows)
    }
  })

  it('reads rows and files larger than any buffer', () => {
    const big = 'x'.repeat(3_000_000)
    const rows = Array.from({ length: 100_000 }, (_, i): Row => [String(i), i === 50_000 ? big : null])
    const file = Buffer.from(rows.map(([a, b]) => `${a},${b ?? ''}\n`).join(''))
    expect(decode('csv', [file])).toEqual(rows)
    expect(decode('csv', chunksOf(file, 10_000))).toEqual(rows)
  })

  it('takes empty lines for rows without columns', () => {
    expect(decode('csv', [Buffer.from('\n\n')], { columns: [] })).toEqual([[], []])
    expect(() => decode('csv', [Buffer.from('x\n')], { columns: [] })).toThrow('extra data')
  })
})

describe('tsv', () => {
  it('reads rows wherever chunks end', () => {
    const file = '1\t\\N\n\\101\\x42c\\n\\\t\\\\\t\\303\\251\n\t\n\\.\nnothing'
    expect(decodeEverySplit('tsv', file)).toEqual([
      ['1', null],
      ['ABc\n\t\\', 'é'],
      ['', ''],
    ])
  })

  it('refuses escapes that make no valid text', () => {
    expect(() => decode('tsv', [Buffer.from('a\tb\na\t\\303x\n')])).toThrow(
      expect.objectContaining({
        code: '22021',
        message: 'invalid byte sequence for encoding "UTF8": 0xc3 0x78',
        context: 'blob, line 2',
      }),
    )
  })
})

describe('text', () => {
  it('makes one value of a file', () => {
    const file = '{"a":\t"b\\n"}\r\n,日本'
    expect(decodeEverySplit('text', file, { columns: ['a'] })).toEqual([[file]])
    expect(decode('text', [], { columns: ['a'] })).toEqual([[null]])
    expect(decode('text', [Buffer.from('x')], { columns: ['a'], withLine: true })).toEqual([['1', 'x']])
    const big = 'x'.repeat(2_000_000)
    expect(decode('text', chunksOf(Buffer.from(big), 65_536), { columns: ['a'] })).toEqual([[big]])
  })

  it('has one column', () => {
    expect(() => decode('text', [])).toThrow('azure_storage: can only use text decoder with a single column')
  })
})

describe('encodings', () => {
  const latin1 = Buffer.from('é,1\n', 'latin1')

  it('are checked', () => {
    expect(() => decode('csv', [latin1])).toThrow('invalid byte sequence for encoding "UTF8": 0xe9')
    expect(decode('csv', [latin1], { encoding: 'LATIN1' })).toEqual([['\ufffd', '1']])
    expect(() => decode('csv', [Buffer.from('a\0')], { encoding: 'LATIN1' })).toThrow(
      'invalid byte sequence for encoding "LATIN1": 0x00',
    )
    expect(() => decode('csv', [Buffer.from('1,2\n3,\xe6', 'latin1')])).toThrow(
      expect.objectContaining({ message: 'invalid byte sequence for encoding "UTF8": 0xe6', context: 'blob, line 2' }),
    )
  })
})

function* chunksOf(bytes: Buffer, size: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
