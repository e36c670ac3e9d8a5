import { expect, it } from 'vitest'
import { BACKEND } from '../../../src/protocol/codes.ts'
import { errorFields, errorResponse, parse, query, readErrorFields } from '../../../src/protocol/messages.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'

it('texts are bytes as they are', () => {
  expect(query('a\xff')).toEqual(Buffer.from('Q\0\0\0\x07a\xff\0', 'latin1'))
  expect(parse(Buffer.from('n'), 'a\xff', Buffer.from([0, 0]))).toEqual(
    Buffer.from('P\0\0\0\x0bn\0a\xff\0\0\0', 'latin1'),
  )
})

it('fields of an error are read and written back the same, known or not, of any bytes', () => {
  const body = Buffer.from('SFEHLER\0Q?\0M\xe4\xff\0\0', 'latin1')
  const fields = readErrorFields(body)
  expect([...fields.keys()]).toEqual(['S', 'Q', 'M'])
  expect(errorResponse(fields, BACKEND.noticeResponse).subarray(5)).toEqual(body)
})

it('an error that breaks off is read as far as it goes', () => {
  expect([...readErrorFields(Buffer.from('SERROR\0Mno end'))].map(([type, text]) => `${type}${text}`)).toEqual([
    'SERROR',
  ])
  expect(readErrorFields(Buffer.alloc(0)).size).toBe(0)
})

it('an error of ours has what every client needs, and no more NULs than that', () => {
  const error = new PgError({ message: 'a\0b', code: '22023', detail: 'd', hint: 'h' })
  expect(errorResponse(errorFields(error, 'FATAL')).subarray(5).toString()).toBe(
    'SFATAL\0VFATAL\0C22023\0Mab\0Dd\0Hh\0\0',
  )
})
