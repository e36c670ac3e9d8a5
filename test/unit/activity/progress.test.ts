import { expect, it, vi } from 'vitest'
import { Progress } from '../../../src/activity/progress.ts'
import { progressText } from '../../../src/activity/progress-text.ts'
import { Sessions } from '../../../src/activity/sessions.ts'
import { ToldErrors } from '../../../src/activity/told-errors.ts'
import type { Transfer, TransferFacts } from '../../../src/activity/transfer.ts'
import { Transfers } from '../../../src/activity/transfers.ts'
import { createLogger } from '../../../src/log.ts'

const MB = 1024 * 1024
const IMPORT = { facts: { direction: 'import' }, state: 'running', bytes: 0, bytesPerSecond: 64 * MB }
const text = (...changes: object[]) =>
  progressText(changes.map(each => ({ ...IMPORT, ...each }) as unknown as Transfer))

it.each([
  ['41 % of 228 MB, 812,000 rows, 64 MB/s', [{ bytes: 94 * MB, totalBytes: 228 * MB, rows: 812_000 }]],
  ['copying the file, 0 % of 12 kB, 64 MB/s', [{ state: 'spooling', totalBytes: 12 * 1024 }]],
  ['0 bytes, 64 MB/s', [{}]],
  ['93 MB, 7 rows, 64 MB/s', [{ facts: { direction: 'export' }, bytes: 93 * MB, rows: 7 }]],
  ['writing the file, 1,000 rows', [{ facts: { direction: 'export' }, state: 'spooling', rows: 1000 }]],
  ['committing 93 MB, 7 rows', [{ facts: { direction: 'export' }, state: 'committing', bytes: 93 * MB, rows: 7 }]],
  [
    '2 blobs, 94 MB, 5 rows, 128 MB/s',
    [
      { bytes: 93 * MB, rows: 3 },
      { bytes: MB, rows: 2 },
    ],
  ],
])('says "%s"', (expected, transfers) => {
  expect(text(...transfers)).toBe(`azure_storage: ${expected}`)
})

function follow({ pid = 7, isDefault = false } = {}) {
  const sessions = new Sessions()
  const notices: string[] = []
  const facts = { id: 1, user: 'app', database: 'db', client: '', since: new Date() }
  const notify = (notice: string): void => void notices.push(notice)
  sessions.add({ facts, pid: 7, state: 'active', cancel: async () => {}, notify, errors: new ToldErrors() })
  const transfers = new Transfers(createLogger('silent'), sessions)
  const progress = new Progress(sessions, isDefault, 100)
  const begin = (statement: string, isWanted?: boolean): Transfer => {
    const transfer = transfers.begin({ session: 1, pid, format: 'csv', direction: 'import' } as TransferFacts)
    progress.follow(transfer, statement, isWanted)
    return transfer
  }
  return { begin, notices }
}

it('tells a client that wants it, at each interval until the transfer has ended', () => {
  vi.useFakeTimers()
  try {
    const { begin, notices } = follow()
    const transfer = begin('1', true)
    vi.advanceTimersByTime(99)
    expect(notices).toHaveLength(0)
    vi.advanceTimersByTime(101)
    expect(notices).toHaveLength(2)
    transfer.done()
    vi.advanceTimersByTime(500)
    expect([notices.length, vi.getTimerCount()]).toEqual([2, 0])
  } finally {
    vi.useRealTimers()
  }
})

it('tells once of all that one statement has under way, and begins anew with the next', () => {
  vi.useFakeTimers()
  try {
    const { begin, notices } = follow()
    begin('1', true)
    begin('1', true)
    vi.advanceTimersByTime(150)
    expect(notices).toEqual([expect.stringContaining('2 blobs')])
    begin('2', true)
    vi.advanceTimersByTime(99)
    expect(notices).toHaveLength(1)
  } finally {
    vi.useRealTimers()
  }
})

it.each([
  ['has not said so', {}, undefined, 0],
  ['has not said so, where that is the default', { isDefault: true }, undefined, 1],
  ['does not want it, where it is the default', { isDefault: true }, false, 0],
  ["is another's, whose backend is another", { pid: 8 }, true, 0],
])('a session that %s: %j', (_, options, isWanted, count) => {
  vi.useFakeTimers()
  try {
    const { begin, notices } = follow(options)
    begin('1', isWanted)
    vi.advanceTimersByTime(150)
    expect(notices).toHaveLength(count)
  } finally {
    vi.useRealTimers()
  }
})
