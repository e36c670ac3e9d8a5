import { DatabaseError } from 'pg-protocol'
import { expect, it } from 'vitest'
import { fromDatabase } from '../../../src/backend/database-error.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'

it('tells what the server has said', () => {
  const said = Object.assign(new DatabaseError('no such column', 10, 'error'), { code: '42703', where: 'COPY t' })
  expect(fromDatabase(said)).toMatchObject({ message: 'no such column', code: '42703', context: 'COPY t', cause: said })
})

it.each([
  new Error('Connection terminated unexpectedly'),
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }),
  Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }),
])('tells that the connection is lost: %s', error => {
  expect(fromDatabase(error)).toMatchObject({ code: '08006', cause: error })
})

it.each([new PgError({ message: 'Connection terminated', code: '58030' }), new TypeError('undefined')])(
  'leaves any other as it is: %s',
  error => {
    expect(fromDatabase(error)).toBe(error)
  },
)
