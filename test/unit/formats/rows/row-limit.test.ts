import { describe, expect, it } from 'vitest'
import type { Format } from '../../../../src/formats/format.ts'
import { DataRowWriter } from '../../../../src/formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../../../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../../../src/formats/rows/row-options.ts'
import { decodeRows } from '../../../support/data-rows.ts'

const MB = 1024 * 1024
const TARGET = { majorVersion: 18, encoding: 'UTF8' }

function decode(format: Format, chunks: Iterable<Buffer>, maxRowBytes: number, options: object = {}): string[] {
  const rowOptions = readRowOptions(options, format, 'get')
  const shape = { columns: ['a'], withLine: false }
  const rows = decodeRows(writer => createRowDecoder(format, rowOptions, shape, TARGET, writer), chunks, maxRowBytes)
  return rows.map(([value]) => value as string)
}

/** A file that nobody has to have in memory. */
function* endless(start: string, repeated = 'x', megabytes = 64): Generator<Buffer> {
  yield Buffer.from(start)
  const chunk = Buffer.from(repeated.repeat(65536 / repeated.length))
  for (let i = 0; i < megabytes * 16; i++) yield chunk
}

const tooLarge = (size: string, line: number): unknown =>
  expect.objectContaining({
    code: '54000',
    message: `azure_storage: a row is larger than ${size}`,
    context: `blob, line ${line}`,
  })

describe('a row that does not end', () => {
  it.each<[string, Format, string, string, number]>([
    ['a line of csv', 'csv', '1\n2\n', 'x', 3],
    ['a quoted field of csv', 'csv', '1\n"', 'x', 2],
    ['a line of tsv', 'tsv', '1\n', 'x', 2],
    ['escapes of tsv', 'tsv', '1\n', '\\101', 2],
    ['a text', 'text', '', '\n', 1],
  ])('is refused: %s', (_, format, start, repeated, line) => {
    expect(() => decode(format, endless(start, repeated), MB)).toThrow(tooLarge('1 MB', line))
  })

  it('is refused as a header', () => {
    expect(() => decode('csv', endless(''), MB, { header: true })).toThrow(tooLarge('1 MB', 1))
  })
})

it('refuses a line that has ever more fields, before its end', () => {
  let chunks = 0
  const counted = (function* () {
    for (const chunk of endless('1\n', ',')) {
      chunks++
      yield chunk
    }
  })()
  expect(() => decode('csv', counted, MB)).toThrow('extra data after last expected column')
  expect(chunks).toBeLessThan(10)
})

it('takes rows up to the limit, to the byte', () => {
  const limit = MB
  const overhead = 7 + 4
  for (const chunkBytes of [1000, 65536, 4 * MB]) {
    const file = (bytes: number): Buffer[] => {
      const whole = Buffer.from(`1\n${'x'.repeat(bytes)}\n2\n`)
      return Array.from({ length: Math.ceil(whole.length / chunkBytes) }, (_, i) =>
        whole.subarray(i * chunkBytes, (i + 1) * chunkBytes),
      )
    }
    expect(decode('csv', file(limit - overhead), limit).map(value => value.length)).toEqual([1, limit - overhead, 1])
    expect(() => decode('csv', file(limit - overhead + 1), limit)).toThrow(tooLarge('1 MB', 2))
  }
})

it('tells the limit in its unit', () => {
  expect(() => decode('text', endless(''), 1536 * 1024)).toThrow(tooLarge('1536 kB', 1))
  expect(() => decode('text', endless(''), 100_000)).toThrow(tooLarge('100000 bytes', 1))
})

it('says how much memory a large row takes, and keeps none of it', () => {
  const writer = new DataRowWriter(64 * MB)
  const shape = { columns: ['a'], withLine: false }
  const decoder = createRowDecoder('csv', readRowOptions({}, 'csv', 'get'), shape, TARGET, writer)
  const chunk = Buffer.alloc(65536, 'x')
  expect(writer.largeRowBytes(chunk.length)).toBe(0)
  for (let i = 0; i < 16 * 20; i++) {
    const foretold = writer.largeRowBytes(chunk.length)
    decoder.push(chunk)
    if (i > 2) expect(writer.bytes.length).toBeLessThanOrEqual(Math.max(MB, foretold))
  }
  expect(writer.bytes.length).toBeGreaterThan(20 * MB)
  decoder.push(Buffer.from('\nthe next'))
  expect(writer.take().reduce((sum, { length }) => sum + length, 0)).toBe(20 * MB + 11)
  expect(writer.bytes.length).toBeLessThan(MB)
  expect(writer.largeRowBytes(chunk.length)).toBe(0)
  decoder.end()
  expect(writer.take().map(String)).toEqual([expect.stringMatching(/the next$/)])
})

it('moves no more than 8 MB of a row to a larger buffer', () => {
  const writer = new DataRowWriter(64 * MB)
  const shape = { columns: ['a'], withLine: false }
  const decoder = createRowDecoder('csv', readRowOptions({}, 'csv', 'get'), shape, TARGET, writer)
  const chunk = Buffer.alloc(65536, 'x')
  let moves = 0
  for (let i = 0; i < 16 * 60; i++) {
    const { bytes, position, recordStart } = writer
    decoder.push(chunk)
    if (writer.bytes === bytes) continue
    moves++
    expect(position - recordStart).toBeLessThanOrEqual(8 * MB)
  }
  expect(moves).toBeGreaterThan(3)
})
