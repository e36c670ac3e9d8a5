import { expect, it } from 'vitest'
import { decodeText } from '../../../src/sql/encoding.ts'

it('reads bytes in a client encoding', () => {
  expect(decodeText(Buffer.from('é 日本').toString('latin1'), 'UTF8')).toBe('é 日本')
  expect(decodeText(Buffer.from('é').toString('latin1'), 'SQL_ASCII')).toBe('é')
  expect(decodeText('\xe9\x80', 'LATIN1')).toBe('é\x80')
})

it('leaves what is not of it, or what the server has to read', () => {
  expect(decodeText('a\xffb', 'UTF8')).toBe('a\xffb')
  expect(decodeText('é 日', 'UTF8')).toBe('é 日')
  expect(decodeText('\xa4', 'LATIN9')).toBe('\xa4')
})
