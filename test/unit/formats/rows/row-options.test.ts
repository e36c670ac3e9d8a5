import { describe, expect, it } from 'vitest'
import { columnFlags, readRowOptions } from '../../../../src/formats/rows/row-options.ts'

describe('readRowOptions', () => {
  it('gives the defaults of each format', () => {
    const common = { header: false, forceQuote: [], forceNotNull: [], forceNull: [], contentEncoding: undefined }
    for (const nothing of [undefined, null, {}, { delimiter: null }]) {
      expect(readRowOptions(nothing, 'csv', 'get')).toEqual({
        ...common,
        delimiter: 0x2c,
        quote: 0x22,
        escape: 0x22,
        nullString: '',
      })
      expect(readRowOptions(nothing, 'tsv', 'put')).toMatchObject({ ...common, delimiter: 0x09, nullString: '\\N' })
    }
  })

  it('takes the quote for the escape when only that is given', () => {
    expect(readRowOptions({ quote: "'" }, 'csv', 'get')).toMatchObject({ quote: 0x27, escape: 0x27 })
    expect(readRowOptions({ escape: '^' }, 'csv', 'get')).toMatchObject({ quote: 0x22, escape: 0x5e })
  })

  it.each([
    [true, true],
    ['true', true],
    ['ON', true],
    [false, false],
    ['false', false],
    ['off', false],
  ])('reads header %j', (header, expected) => {
    expect(readRowOptions({ header }, 'csv', 'get').header).toBe(expected)
  })

  it.each([
    [[], 'azure_storage: options must be a JSON object'],
    ['x', 'azure_storage: options must be a JSON object'],
    [{ Delimiter: ',' }, 'azure_storage: unrecognized option: Delimiter'],
    [{ constructor: ',' }, 'azure_storage: unrecognized option: constructor'],
    [{ delimiter: 1 }, 'azure_storage: option delimiter must be a string'],
    [{ header: 'match' }, 'azure_storage: option header must be true or false'],
    [{ header: 1 }, 'azure_storage: option header must be true or false'],
    [{ force_null: 'a' }, 'azure_storage: option force_null must be an array of strings'],
    [{ force_null: [1] }, 'azure_storage: option force_null must be an array of strings'],
    [{ content_encoding: 'nope' }, 'argument to option "content_encoding" must be a valid encoding name'],
  ])('refuses %j', (options, message) => {
    expect(() => readRowOptions(options, 'csv', 'get')).toThrow(expect.objectContaining({ message, code: '22023' }))
  })

  it.each([
    ['text', { delimiter: ',' }, 'cannot specify DELIMITER with text format'],
    ['text', { header: true }, 'cannot specify HEADER with text format'],
    ['binary', { null_string: 'x' }, 'cannot specify NULL with binary format'],
    ['parquet', { content_encoding: 'utf8' }, 'cannot specify CONTENT_ENCODING with parquet format'],
  ] as const)('%s refuses %j', (format, options, message) => {
    expect(() => readRowOptions(options, format, 'get')).toThrow(expect.objectContaining({ message, code: '0A000' }))
  })

  it.each([
    ['utf-8', 'UTF8'],
    ['Latin1', 'LATIN1'],
    ['iso_8859_1', 'LATIN1'],
    ['windows-1252', 'WIN1252'],
    ['sjis', 'SJIS'],
  ])('knows the encoding %s as %s', (given, name) => {
    expect(readRowOptions({ content_encoding: given }, 'text', 'put').contentEncoding).toBe(name)
  })
})

describe('columnFlags', () => {
  it('flags the named columns', () => {
    expect(columnFlags(['c', 'a'], ['a', 'b', 'c'])).toEqual([true, false, true])
  })

  it('flags all for a star', () => {
    expect(columnFlags(['*'], ['a', 'b'])).toEqual([true, true])
    expect(() => columnFlags(['*', 'a'], ['a', 'b'])).toThrow('column "*" does not exist')
  })

  it('refuses names of no column', () => {
    expect(() => columnFlags(['nope'], ['a'])).toThrow(
      expect.objectContaining({ message: 'column "nope" does not exist', code: '42703' }),
    )
  })
})
