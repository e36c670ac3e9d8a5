import { describe, expect, it } from 'vitest'
import { createRowLines } from '../../../../src/formats/parquet/row-lines.ts'
import type { ParquetColumn } from '../../../../src/formats/parquet/shape.ts'
import { array, composite, scalar, unnamed } from '../../../support/parquet-files.ts'
import { everySplit } from '../../../support/stream-bytes.ts'

function rewrite(chunks: Iterable<Buffer>, columns: readonly ParquetColumn[]): string {
  const rowLines = createRowLines(columns)
  if (rowLines === undefined) throw new Error('there is nothing to rewrite')
  return Buffer.concat(Array.from(chunks, rowLines)).toString()
}

/** The values of a first nested column as the engine sees them, wherever chunks end; beside it is a plain column. */
function valuesOf(text: string, shape = array(scalar('text'))): unknown[] {
  const columns = unnamed(shape, scalar('text'))
  const whole = rewrite([Buffer.from(text)], columns)
  for (const chunks of everySplit(Buffer.from(text))) expect(rewrite(chunks, columns)).toBe(whole)
  return whole
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const [value = '', plain] = line.split('\t')
      expect(plain).toBe('a\\\\b')
      return value === '\\N' ? 'nothing' : JSON.parse(value.replaceAll('\\\\', '\\'))
    })
}

describe('nested values become JSON', () => {
  it('arrays', () => {
    const text = '{}\ta\\\\b\n\\N\ta\\\\b\n{a,NULL,"NULL",NULLS,N,null,"",Äß}\ta\\\\b\n'
    expect(valuesOf(text)).toEqual([[], 'nothing', ['a', null, 'NULL', 'NULLS', 'N', 'null', '', 'Äß']])
  })

  it('what is quoted in an array, and by COPY', () => {
    // {"a\"b","c\\d","e\tf"}, where COPY doubles each backslash.
    expect(valuesOf('{"a\\\\"b","c\\\\\\\\d","e\\tf","g,}\\nh",x\\\\y}\ta\\\\b\n')).toEqual([
      ['a"b', 'c\\d', 'e\tf', 'g,}\nh', 'xy'],
    ])
  })

  it('a semicolon ends the items of boxes alone', () => {
    expect(valuesOf('{a;b,c}\ta\\\\b\n')).toEqual([['a;b', 'c']])
    expect(valuesOf('{(1,1),(0,0);NULL}\ta\\\\b\n', array(scalar('box')))).toEqual([['(1,1),(0,0)', null]])
  })

  it('composites, and arrays of them', () => {
    const pair = composite({ x: scalar('int4'), y: array(scalar('text')) })
    expect(valuesOf('(1,"{a,""b c""}")\ta\\\\b\n(,)\ta\\\\b\n', pair)).toEqual([
      { f0: '1', f1: ['a', 'b c'] },
      { f0: null, f1: null },
    ])
    // {"(1,\"{a,\\\"b\\\"}\")",NULL,(2)}, before COPY doubles each backslash.
    const text = '{"(1,\\"{a,\\\\\\"b\\\\\\"}\\")",NULL,"(2,)"}'.replaceAll('\\', '\\\\')
    expect(valuesOf(`${text}\ta\\\\b\n`, array(pair))).toEqual([
      [{ f0: '1', f1: ['a', 'b'] }, null, { f0: '2', f1: null }],
    ])
    expect(valuesOf('()\ta\\\\b\n', composite({}))).toEqual([{}])
  })

  it.each([
    ['[0:1]={1,2}', 'Its lower bound is not 1.'],
    ['{{1},{2}}', 'It has more than one dimension.'],
    ['{1,2', 'It is not an array literal.'],
    ['{1}}', 'It is not an array literal.'],
    ['{"1"2}', 'It is not an array literal.'],
    ['{,}', 'It is not an array literal.'],
    ['1', 'It is not an array literal.'],
  ])('refuses %s', (value, detail) => {
    const error = { message: 'azure_storage: Parquet cannot hold a value of column "a"', detail }
    expect(() => rewrite([Buffer.from(`${value}\tx\n`)], unnamed(array(scalar('int4')), scalar('text')))).toThrow(
      expect.objectContaining(error),
    )
  })

  it.each(['(1,2,3)', '(1', '1', '(1,2)3', '("1"2,)'])('refuses %s', value => {
    const pair = unnamed(composite({ x: scalar('int4'), y: scalar('int4') }))
    expect(() => rewrite([Buffer.from(`${value}\n`)], pair)).toThrow(
      expect.objectContaining({ detail: 'It is not a composite literal.' }),
    )
  })
})

it('puts an empty value behind a single one', () => {
  expect(rewrite([Buffer.from('a\n\n\\N\n')], unnamed(scalar('text')))).toBe('a\t\n\t\n\\N\t\n')
})

it('has nothing to do with several plain columns', () => {
  expect(createRowLines(unnamed(scalar('text'), scalar('int4')))).toBeUndefined()
})

it('holds nothing back of a value that does not end', () => {
  const rowLines = createRowLines(unnamed(array(scalar('int4'))))
  rowLines?.(Buffer.from('{1'))
  const chunk = Buffer.from(',1'.repeat(32_768))
  for (let i = 0; i < 100; i++) expect(rowLines?.(chunk).length).toBe(4 * 32_768)
})
