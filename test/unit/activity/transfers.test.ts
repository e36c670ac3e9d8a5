import { expect, it } from 'vitest'
import { LineEstimate } from '../../../src/activity/line-estimate.ts'
import { Sessions } from '../../../src/activity/sessions.ts'
import type { TransferFacts } from '../../../src/activity/transfer.ts'
import { Transfers } from '../../../src/activity/transfers.ts'
import { createLogger } from '../../../src/log.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import { MemoryBlob } from '../../support/memory-blob.ts'

const facts = (changes: Partial<TransferFacts> = {}) =>
  ({ path: 'a.csv', format: 'csv', direction: 'import', ...changes }) as TransferFacts
const begin = (changes?: Partial<TransferFacts>) =>
  new Transfers(createLogger('silent'), new Sessions()).begin(facts(changes))

it('keeps the last hundred that have ended, the oldest first', () => {
  const transfers = new Transfers(createLogger('silent'), new Sessions())
  const all = Array.from({ length: 120 }, () => transfers.begin(facts()))
  for (const transfer of all.slice(0, 110)) transfer.done()
  expect(transfers.live).toEqual(all.slice(110))
  expect(transfers.finished).toEqual(all.slice(10, 110))
})

it('tells those who listen of each begin and end', () => {
  const transfers = new Transfers(createLogger('silent'), new Sessions())
  const told: string[] = []
  transfers.events.on('begin', ({ id }) => told.push(`begin ${id}`))
  transfers.events.on('end', ({ id, end }) => told.push(`end ${id} ${end?.outcome}`))
  const [one, two] = [transfers.begin(facts()), transfers.begin(facts())]
  two.done()
  one.failed(new Error('broken'))
  expect(told).toEqual(['begin 1', 'begin 2', 'end 2 done', 'end 1 failed'])
})

it('ends once, with what is known first', () => {
  const transfer = begin()
  transfer.failed(new PgError({ message: 'no', code: '57014' }))
  transfer.failed(undefined)
  transfer.done(7)
  expect([transfer.end?.outcome, transfer.end?.sqlstate]).toEqual(['cancelled', '57014'])
})

it('has no SQLSTATE where it was merely aborted', () => {
  const transfer = begin()
  transfer.failed(new DOMException('The operation was aborted', 'AbortError'))
  expect([transfer.end?.outcome, transfer.end?.sqlstate]).toEqual(['failed', undefined])
})

it('of Parquet is spooling until the first rows of an import, the first bytes of an export', async () => {
  const taken = begin({ format: 'parquet' })
  const given = begin({ format: 'parquet', direction: 'export' })
  given.sawRows(Buffer.from('1\n'))
  expect([taken.state, given.state]).toEqual(['spooling', 'spooling'])
  taken.sawRows(Buffer.from('1\n'))
  const options = { signal: new AbortController().signal, maxBlockBytes: 1024 }
  given.counting(new MemoryBlob()).upload(options).append(Buffer.from('PAR1'), 0, 4)
  expect([taken.state, given.state, given.bytes]).toEqual(['running', 'running', 4])
  given.committing()
  expect(given.state).toBe('committing')
})

it('estimates lines from some of the chunks, and never goes back', () => {
  const lines = new LineEstimate()
  const estimates = Array.from({ length: 100 }, (_, i) =>
    lines.with(Buffer.from(i % 16 === 0 && i > 50 ? 'x'.repeat(20) : '0123456789\n'.repeat(10))),
  )
  expect(estimates[15]).toBe(160)
  expect(estimates).toEqual(estimates.toSorted((a, b) => a - b))
})
