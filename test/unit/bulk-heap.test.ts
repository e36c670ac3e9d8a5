import v8 from 'node:v8'
import { expect, test, vi } from 'vitest'
import { Sessions } from '../../src/activity/sessions.ts'
import type { TransferFacts } from '../../src/activity/transfer.ts'
import { Transfers } from '../../src/activity/transfers.ts'
import { createLogger } from '../../src/log.ts'

test('while a transfer is under way, and no longer, the heap may grow more', () => {
  const flags = vi.spyOn(v8, 'setFlagsFromString')
  const transfers = new Transfers(createLogger('silent'), new Sessions())
  const begin = () => transfers.begin({ path: 'a.csv', format: 'csv', direction: 'import' } as TransferFacts)
  const [one, two] = [begin(), begin()]
  one.done()
  expect(flags.mock.calls).toEqual([['--heap-growing-percent=200']])
  two.failed(new Error('broken'))
  two.done()
  expect(flags.mock.calls.slice(1)).toEqual([['--heap-growing-percent=0']])
})
