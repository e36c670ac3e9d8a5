import { describe, expect, it } from 'vitest'
import { decodeCopyText, encodeCopyText } from '../../../src/formats/copy-text.ts'
import { Random } from '../../support/random.ts'
import { everySplit, transformed } from '../../support/stream-bytes.ts'

describe('encodeCopyText', () => {
  it.each([
    ['{"a":\t"b\\n"}\r\n', '{"a":\\t"b\\\\n"}\\r\\n\n'],
    ['plain', 'plain\n'],
    ['\\N', '\\\\N\n'],
    ['\\.', '\\\\.\n'],
    ['\n', '\\n\n'],
    ['日本 😀', '日本 😀\n'],
    ['', '\\N\n'],
  ])('makes one row of %j', async (file, row) => {
    for (const chunks of everySplit(Buffer.from(file))) {
      expect(String(await transformed(encodeCopyText(), chunks))).toBe(row)
    }
  })
})

describe('decodeCopyText', () => {
  it.each([
    ['plain\n', 'plain'],
    ['a\\tb\\nc\\rd\\be\\ff\\vg\\\\h\n', 'a\tb\nc\rd\be\ff\vg\\h'],
    ['one\ntwo\n', 'onetwo'],
    ['one\n\\N\ntwo\n', 'onetwo'],
    ['\\N\n', ''],
    ['\\\\N\n', '\\N'],
    ['\\\\\\n\n', '\\\n'],
    ['\n', ''],
    ['', ''],
    ['日本\n😀\n', '日本😀'],
  ])('joins the values of %j', async (rows, file) => {
    for (const chunks of everySplit(Buffer.from(rows))) {
      expect(String(await transformed(decodeCopyText(), chunks))).toBe(file)
    }
  })

  it('undoes encodeCopyText', async () => {
    const file = Buffer.concat([new Random(1).bytes(100_000), Buffer.from('\\\n\r\t'.repeat(1000))])
    const rows = await transformed(encodeCopyText(), [file])
    expect((await transformed(decodeCopyText(), [rows])).equals(file)).toBe(true)
  })
})
