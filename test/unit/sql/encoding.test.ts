import { expect, it } from 'vitest'
import { decodeText } from '../../../src/sql/encoding.ts'

it('reads bytes in a client encoding', () => {
  expect(decodeText(Buffer.from('é 日本').toString('latin1'), 'UTF8')).toBe('é 日本')
  expect(decodeText('\xe9', 'LATIN1')).toBe('é')
  expect(decodeText('\xa4', 'LATIN9')).toBe('€')
  expect(decodeText('\xc6\xfc', 'EUC_JP')).toBe('日')
  expect(decodeText('\xcf\xd0', 'KOI8R')).toBe('оп')
})

it('leaves what is not of it', () => {
  expect(decodeText('a\xffb', 'UTF8')).toBe('a\xffb')
  expect(decodeText('é 日', 'UTF8')).toBe('é 日')
  expect(decodeText('\xc3\xa9', 'MULE_INTERNAL')).toBe('é')
})

it('tells WIN1252 from LATIN1', () => {
  expect(decodeText('\x80', 'WIN1252')).toBe('€')
  expect(decodeText('\x80', 'LATIN1')).toBe('\x80')
})
