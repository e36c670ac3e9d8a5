import { describe, expect, it } from 'vitest'
import type { Format } from '../../../../src/formats/format.ts'
import { createRowEncoder } from '../../../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../../../src/formats/rows/row-options.ts'

const TARGET = { majorVersion: 18, encoding: 'UTF8' }

function encode(format: Format, columns: readonly string[], calls: readonly string[], options?: object): Buffer {
  const encoder = createRowEncoder(format, readRowOptions(options, format, 'put'), columns, TARGET)
  const parts: Buffer[] = [Buffer.from(encoder.begin())]
  for (const rows of calls) parts.push(Buffer.from(encoder.encode(Buffer.from(rows))))
  return Buffer.concat([...parts, encoder.end()])
}

describe('record literals', () => {
  it('become csv', () => {
    const rows = ['(1,"a ""b"" \\\\ c",,"")', '(2,x,"(),",é)("","\\"",y,z)']
    expect(String(encode('csv', ['a', 'b', 'c', 'd'], rows, { header: true }))).toBe(
      'a,b,c,d\n1,"a ""b"" \\ c",,""\n2,x,"(),",é\n"","""",y,z\n',
    )
  })

  it('become tsv', () => {
    expect(String(encode('tsv', ['a', 'b'], ['(1,)("a\tb","\n")']))).toBe('1\t\\N\na\\tb\t\\n\n')
  })

  it('become text without anything between', () => {
    expect(String(encode('text', ['a'], ['("{""a"": 1}")()', '("")(x)']))).toBe('{"a": 1}x')
    expect(() => encode('text', ['a', 'b'], [])).toThrow(
      'azure_storage: can only use text encoder with a single column',
    )
  })

  it('without columns become empty lines, with one NULL too', () => {
    expect(String(encode('csv', [], ['()()']))).toBe('\n\n')
    expect(String(encode('csv', ['a'], ['()()']))).toBe('\n\n')
    expect(String(encode('tsv', ['a'], ['()']))).toBe('\\N\n')
  })

  it('may be larger than any buffer, also when all has to be escaped', () => {
    const quotes = '"'.repeat(1_000_000)
    const literal = `("${'"'.repeat(2_000_000)}",x)`
    expect(String(encode('csv', ['a', 'b'], ['(a,b)', literal, literal + literal]))).toBe(
      `a,b\n${`"${quotes}${quotes}",x\n`.repeat(3)}`,
    )
    const nulls = '(,)'.repeat(200_000)
    expect(String(encode('csv', ['a', 'b'], [nulls], { null_string: 'a long name of nothing' }))).toBe(
      'a long name of nothing,a long name of nothing\n'.repeat(200_000),
    )
  })

  it.each(['x', '(1', '(1,2', '(1,2,3)', '(1)', '("1,2)'])('%j is refused, as it is none of two columns', rows => {
    expect(() => encode('csv', ['a', 'b'], [rows])).toThrow('a row is not a record literal of the given columns')
  })
})

describe('binary', () => {
  it('has a header and a trailer', () => {
    const record = '00000002' + '00000019' + '0000000178' + '00000017' + 'ffffffff'
    expect(encode('binary', ['a', 'b'], [`${record}\n${record}\n`]).toString('hex')).toBe(
      `${Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1').toString('hex')}0000000000000000${'0002' + '0000000178' + 'ffffffff'}${'0002' + '0000000178' + 'ffffffff'}ffff`,
    )
  })
})
