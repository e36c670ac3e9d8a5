import { expect, it } from 'vitest'
import { BACKEND, FRONTEND } from '../../../src/protocol/codes.ts'
import { MessageTrace, messageName, type TracedMessage } from '../../../src/protocol/trace.ts'
import { everySplit } from '../../support/stream-bytes.ts'
import { message, wire } from '../../support/wire.ts'

it('knows the messages of both directions by the names of the documentation', () => {
  expect(messageName('F', FRONTEND.execute)).toBe('Execute')
  expect(messageName('B', BACKEND.errorResponse)).toBe('ErrorResponse')
  expect(messageName('F', FRONTEND.sync)).toBe('Sync')
  expect(messageName('B', BACKEND.parameterStatus)).toBe('ParameterStatus')
  expect(messageName('F', FRONTEND.password)).toBe('PasswordMessage')
  expect(messageName('B', 0x01)).toBe('0x01')
})

it('tells what each message is and how long, whatever the chunks', () => {
  const bytes = Buffer.concat([wire.query('SELECT 1'), wire.parse('SELECT 2'), wire.sync, wire.terminate])
  for (const chunks of everySplit(bytes)) {
    const told: TracedMessage[] = []
    const trace = new MessageTrace('F', message => told.push(message))
    for (const chunk of chunks) trace.push(chunk)
    expect(told).toEqual([
      { direction: 'F', message: 'Query', length: 13 },
      { direction: 'F', message: 'Parse', length: 16 },
      { direction: 'F', message: 'Sync', length: 4 },
      { direction: 'F', message: 'Terminate', length: 4 },
    ])
  }
})

it('tells of rows that come together at once', () => {
  const told: TracedMessage[] = []
  const trace = new MessageTrace('B', message => told.push(message))
  const row = message(BACKEND.dataRow, Buffer.from('1234'))
  trace.push(Buffer.concat([row, row, row, message(BACKEND.commandComplete), row.subarray(0, 7)]))
  trace.push(row.subarray(7))
  expect(told).toEqual([
    { direction: 'B', message: 'DataRow', length: 24, count: 3 },
    { direction: 'B', message: 'CommandComplete', length: 4 },
    { direction: 'B', message: 'DataRow', length: 8 },
  ])
})
