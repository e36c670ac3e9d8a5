import { expect, it } from 'vitest'
import { once } from '../../../src/http/lookups.ts'

const never = <T>(_looks?: number): Promise<T> => new Promise<T>(() => {})

it('looks once for all who ask', async () => {
  let looks = 0
  const look = once(async () => ++looks)
  expect(await Promise.all([look(), look()])).toEqual([1, 1])
})

it('lets nobody wait for ever, and does not look again meanwhile', async () => {
  let looks = 0
  const look = once(() => never(++looks), { waitMs: 10 })
  for (let i = 0; i < 3; i++) await expect(look()).rejects.toThrow('no answer yet')
  expect(looks).toBe(1)
})

it('looks again where an answer will not come any more', async () => {
  let looks = 0
  const look = once<number>(() => (++looks > 1 ? Promise.resolve(looks) : never()), { waitMs: 20, stuckMs: 10 })
  await expect(look()).rejects.toThrow('no answer yet')
  expect(await look()).toBe(2)
})
