import { expect, it } from 'vitest'
import { Sessions } from '../../../src/activity/sessions.ts'
import type { TransferFacts } from '../../../src/activity/transfer.ts'
import { Transfers } from '../../../src/activity/transfers.ts'
import { liveView } from '../../../src/http/views.ts'
import { createLogger } from '../../../src/log.ts'

function view(count: number, path: string): ReturnType<typeof liveView> {
  const sessions = new Sessions()
  const transfers = new Transfers(createLogger('silent'), sessions)
  const names = { account: 'account', container: 'container', user: 'user', database: 'database' }
  for (let i = 0; i < count; i++)
    transfers.begin({ ...names, path, direction: 'import', format: 'csv' } as TransferFacts)
  return liveView({ transfers, sessions })
}

it('has a thousand of many, and says how many there are', () => {
  const { live, liveCount } = view(3000, 'a.csv')
  expect([live.length, liveCount, live[0]?.id, live.at(-1)?.id]).toEqual([1000, 3000, 1, 1000])
  expect(view(7, 'a.csv').live).toHaveLength(7)
})

it('stays small whatever names others have chosen', () => {
  const { live, liveCount } = view(3000, '\x01'.repeat(1024))
  expect(liveCount).toBe(3000)
  expect(live.length).toBeGreaterThan(50)
  expect(JSON.stringify(live).length).toBeLessThan(1_000_000)
})
