import { describe, expect, it } from 'vitest'
import { readColumns } from '../../../../src/formats/parquet/shape.ts'
import { integer } from '../../../../src/formats/parquet/sql-text.ts'
import { valueOfCopyText } from '../../../../src/formats/parquet/value-of-text.ts'
import { WrittenNames } from '../../../../src/formats/parquet/written-names.ts'
import { array, composite, numeric, parquetOf, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const malformed = { code: '22023', message: 'azure_storage: columns for Parquet are not described as they must be' }
const int4 = { kind: 'scalar', type: 'int4' }
const INJECTED = "1) FROM (SELECT 1)) TO '/tmp/x' --"

function deep(levels: number): unknown {
  let shape: unknown = int4
  for (let i = 0; i < levels; i++) shape = { kind: 'array', element: shape }
  return shape
}

describe('columns that the extension describes', () => {
  it('are taken as they are', () => {
    const shape = composite({ 'a "b"': array(scalar('"my; type"')), n: numeric(1000, -1000) })
    const columns = unnamed(shape, numeric(38, 2), scalar('text'))
    expect(readColumns(JSON.parse(JSON.stringify(columns)))).toEqual(columns)
    expect(readColumns([])).toEqual([])
  })

  it('leave nothing else behind', () => {
    const json = [{ name: 'a', shape: { ...int4, more: 1, scale: "1'" }, oid: 23 }]
    expect(readColumns(json)).toEqual([{ name: 'a', shape: int4 }])
  })
})

describe('forged columns', () => {
  it.each<[string, unknown]>([
    ['a precision that is SQL', { kind: 'scalar', type: 'numeric', precision: INJECTED, scale: 0 }],
    ['a scale that is SQL', { kind: 'scalar', type: 'numeric', precision: 5, scale: INJECTED }],
    ['a precision that is a number in text', { kind: 'scalar', type: 'numeric', precision: '5', scale: 0 }],
    ['a precision that prints itself as SQL', { kind: 'scalar', type: 'numeric', precision: [INJECTED], scale: 0 }],
    ['a fractional precision', { kind: 'scalar', type: 'numeric', precision: 1.5, scale: 0 }],
    ['a precision of nothing', { kind: 'scalar', type: 'numeric', precision: 0, scale: 0 }],
    ['a huge precision', { kind: 'scalar', type: 'numeric', precision: 1e21, scale: 0 }],
    ['no scale', { kind: 'scalar', type: 'numeric', precision: 5 }],
    ['no type', { kind: 'scalar' }],
    ['a type that is no text', { kind: 'scalar', type: { toString: 'x' } }],
    ['a type with a NUL', { kind: 'scalar', type: 'a\0' }],
    ['a huge type', { kind: 'scalar', type: 'x'.repeat(1000) }],
    ['another kind', { kind: 'map' }],
    ['an array of nothing', { kind: 'array' }],
    ['a composite without fields', { kind: 'composite' }],
    ['fields that are no list', { kind: 'composite', fields: { length: 1 } }],
    ['a field without name', { kind: 'composite', fields: [{ shape: int4 }] }],
    ['an array', []],
    ['null', null],
    ['a text', 'int4'],
  ])('are refused: %s', (_, shape) => {
    expect(() => readColumns([{ name: 'a', shape }])).toThrow(expect.objectContaining(malformed))
  })

  it.each<[string, unknown]>([
    ['an object', {}],
    ['null', null],
    ['a text', 'a'],
    ['columns without names', [{ shape: int4 }]],
  ])('are refused as %s', (_, json) => {
    expect(() => readColumns(json)).toThrow(expect.objectContaining(malformed))
  })

  it('are refused where there are too many of them, or of their parts', () => {
    const tooMany = expect.objectContaining({ code: '54000' })
    const columns = (count: number, shape: unknown = int4): unknown[] => Array(count).fill({ name: 'a', shape })
    expect(readColumns(columns(1664))).toHaveLength(1664)
    expect(() => readColumns(columns(1665))).toThrow(tooMany)
    expect(() => readColumns(columns(1600, { kind: 'composite', fields: columns(1600) }))).toThrow(tooMany)
    expect(readColumns([{ name: 'a', shape: deep(32) }])).toHaveLength(1)
    expect(() => readColumns([{ name: 'a', shape: deep(33) }])).toThrow(tooMany)
    expect(() => readColumns([{ name: 'a', shape: deep(100_000) }])).toThrow(tooMany)
  })
})

it('no number is pasted that is none', () => {
  for (const forged of [INJECTED, '5', Number.NaN, 1.5, Number.POSITIVE_INFINITY, 1e300]) {
    expect(() => integer(forged as number)).toThrow('not an integer')
  }
  const shape = { kind: 'scalar', type: 'numeric', precision: INJECTED as unknown as number, scale: 0 } as const
  expect(() => valueOfCopyText('c0', { name: 'a', shape }, new WrittenNames())).toThrow('not an integer')
})

it('a type has no conversion for being called as a property of all objects', () => {
  for (const type of ['constructor', 'toString', '__proto__']) {
    expect(valueOfCopyText('c0', { name: 'a', shape: scalar(type) }, new WrittenNames())).toBe('copy_unescape(c0)')
  }
})

it('names of columns and fields are quoted', async () => {
  const hostile = `a"; DROP TABLE t; --' || error('no') || '`
  const target = [
    { name: hostile, shape: composite({ [hostile]: scalar('int4'), "x'y": array(scalar('text')) }) },
    { name: `${hostile}2`, shape: scalar('date') },
  ]
  const text = '(1,"{a,b}")\t2024-01-01\n\\N\t\\N\n'
  expect(await rowsOf(await parquetOf(text, target), target)).toBe(
    text.replace('(1,"{a,b}")', '("1","{\\\\"a\\\\",\\\\"b\\\\"}")'),
  )
})
