import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import { BulkTurns } from '../../src/bulk-turns.ts'

/** A clock that stands still between calls of `pass`. */
function startClock(): (ms: number) => void {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  return ms => {
    now += ms
  }
}

it('lets bulk reads go on until their share of a turn is over', async () => {
  const pass = startClock()
  const turns = new BulkTurns()
  const resumed: string[] = []
  expect(turns.mayGoOn(() => resumed.push('a'))).toBe(true)
  pass(9)
  expect(turns.mayGoOn(() => resumed.push('a'))).toBe(true)
  pass(1)
  expect(turns.mayGoOn(() => resumed.push('a'))).toBe(false)
  expect(turns.mayGoOn(() => resumed.push('b'))).toBe(false)
  expect(resumed).toEqual([])
  await nextTurn()
  expect(resumed).toEqual(['a', 'b'])
  expect(turns.mayGoOn(() => resumed.push('a'))).toBe(true)
})

it('gives those who wait their turns in the order in which they came, some at a time', async () => {
  const pass = startClock()
  const turns = new BulkTurns()
  const resumed: number[] = []
  turns.mayGoOn(() => {})
  pass(10)
  for (let i = 0; i < 20; i++) turns.mayGoOn(() => resumed.push(i))
  await nextTurn()
  const first = resumed.length
  expect(first).toBeGreaterThan(0)
  expect(first).toBeLessThan(20)
  pass(10)
  expect(turns.mayGoOn(() => resumed.push(20))).toBe(false)
  for (let i = 0; i < 5; i++) await nextTurn()
  expect(resumed).toEqual(Array.from({ length: 21 }, (_, i) => i))
})
