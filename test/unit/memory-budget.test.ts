import { describe, expect, it } from 'vitest'
import { leastMemory, MemoryBudget, type MemoryLease } from '../../src/memory-budget.ts'
import { Random } from '../support/random.ts'

const MB = 1024 * 1024
const never = (): AbortSignal => new AbortController().signal
/** The most that a call gets is 40 MB. */
const budgetOf = (megabytes: number): MemoryBudget =>
  new MemoryBudget({ maxRowBytes: 10 * MB, memoryLimitBytes: megabytes * MB })

/** Whether it was given, by the time that everything which can go on has gone on. */
async function given(promise: Promise<void> | undefined): Promise<boolean> {
  const turn = new Promise(resolve => setImmediate(resolve, 'waits'))
  return (await Promise.race([promise, turn])) !== 'waits'
}

describe('a memory budget', () => {
  it('gives small amounts at once, and does not count them', async () => {
    const budget = budgetOf(40)
    await budget.open(never()).hold(40 * MB)
    const small = Array.from({ length: 1000 }, () => budget.open(never()).hold(MB))
    expect(small.every(promise => promise === undefined)).toBe(true)
  })

  it('lets calls wait in their order until others give memory back', async () => {
    const budget = budgetOf(60)
    const [first, second, third] = [budget.open(never()), budget.open(never()), budget.open(never())]
    expect(first.hold(40 * MB)).toBeUndefined()
    const secondGiven = second.hold(40 * MB)
    // There would be enough for it.
    const thirdGiven = third.hold(10 * MB)
    expect([await given(secondGiven), await given(thirdGiven)]).toEqual([false, false])
    first.hold(20 * MB)
    expect([await given(secondGiven), await given(thirdGiven)]).toEqual([true, false])
    first.end()
    expect(await given(thirdGiven)).toBe(true)
  })

  it('gives nothing that would leave all calls with half of a row', async () => {
    const budget = budgetOf(80)
    const leases = Array.from({ length: 8 }, () => budget.open(never()))
    const halves = leases.map(lease => lease.hold(20 * MB))
    // The fourth would leave nobody enough to go on.
    expect(await Promise.all(halves.map(given))).toEqual([true, true, true, false, false, false, false, false])
    expect(leases[0]?.hold(40 * MB)).toBeUndefined()
  })

  it('gives up a place in the queue with the reason of the signal', async () => {
    const budget = budgetOf(40)
    const holder = budget.open(never())
    holder.hold(40 * MB)
    const abort = new AbortController()
    const waits = budget.open(abort.signal).hold(2 * MB)
    const next = budget.open(never()).hold(2 * MB)
    abort.abort(new Error('canceled'))
    await expect(waits).rejects.toThrow('canceled')
    holder.end()
    expect(await given(next)).toBe(true)
    await expect(budget.open(abort.signal).hold(40 * MB)).rejects.toThrow('canceled')
  })

  it('brings all calls to their end, however they come', async () => {
    const random = new Random(7)
    for (let round = 0; round < 50; round++) {
      const budget = budgetOf(40 + random.below(100))
      const held = new Set<MemoryLease>()
      const call = async (): Promise<void> => {
        const lease = budget.open(never())
        held.add(lease)
        const wanted = 1 + random.below(40)
        for (let step = 1; step <= wanted; step += 1 + random.below(10)) {
          await lease.hold(step * MB)
          if (random.below(3) === 0) await new Promise(setImmediate)
        }
        lease.end()
        held.delete(lease)
      }
      await Promise.all(Array.from({ length: 20 }, call))
      expect(held.size).toBe(0)
    }
  })

  it('needs room for the copies of one row', () => {
    expect(leastMemory(10 * MB)).toBe(40 * MB)
    expect(new MemoryBudget({}).most).toBe(256 * MB)
  })
})
