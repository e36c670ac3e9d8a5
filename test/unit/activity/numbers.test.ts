import { expect, it } from 'vitest'
import { BLOCK, Numbers } from '../../../src/activity/numbers.ts'

it('counts from one', () => {
  const numbers = new Numbers()
  expect([numbers.next(), numbers.next(), numbers.next()]).toEqual([1, 2, 3])
})

it('gives workers numbers in blocks, which no two have', async () => {
  let next = 1
  const take = async (): Promise<number> => {
    const first = next
    next += BLOCK
    return first
  }
  const workers = [new Numbers(await take(), take), new Numbers(await take(), take)]
  expect(workers.map(each => each.next())).toEqual([1, BLOCK + 1])
  const seen = new Set([1, BLOCK + 1])
  const each = 3 * BLOCK
  for (let i = 0; i < each; i++) {
    for (const worker of workers) seen.add(worker.next())
    if (i % 100 === 0) await Promise.resolve()
  }
  expect(seen.size).toBe(2 * each + 2)
})
