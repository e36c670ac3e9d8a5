import { availableParallelism } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hasPlace, limitEngines, takePlace } from '../../../../src/formats/parquet/engine-places.ts'

const never = new AbortController().signal
const pending = Symbol('pending')
const settled = async (promise: Promise<unknown>): Promise<unknown> =>
  Promise.race([promise, new Promise(resolve => setImmediate(resolve, pending))])

let left: (() => void)[] = []
async function take(backend: number | undefined): Promise<() => void> {
  const leave = await takePlace(backend, never)
  left.push(leave)
  return leave
}

beforeEach(() => limitEngines(2))
afterEach(async () => {
  limitEngines(100) // and all who wait come in
  await new Promise(setImmediate)
  for (const leave of left) leave()
  left = []
  limitEngines(availableParallelism())
})

test('those who come too late wait in their order', async () => {
  const leave = await take(1)
  await take(undefined)
  const [third, fourth] = [take(3), take(undefined)]
  expect(await settled(third)).toBe(pending)
  leave()
  leave() // once more is no other's place
  expect(await settled(third)).not.toBe(pending)
  expect(await settled(fourth)).toBe(pending)
  ;(await third)()
  expect(await settled(fourth)).not.toBe(pending)
})

test('who is cancelled leaves the queue, with the reason of its signal', async () => {
  const leave = await take(1)
  await take(2)
  const abort = new AbortController()
  const third = takePlace(3, abort.signal)
  const fourth = take(4)
  abort.abort(new Error('canceled'))
  await expect(third).rejects.toThrow('canceled')
  leave()
  expect(await settled(fourth)).not.toBe(pending)
  await expect(takePlace(5, abort.signal)).rejects.toThrow('canceled')
})

test('a backend with a place does not wait for itself, up to a few', async () => {
  const first = await take(1)
  await take(2)
  expect([hasPlace(1), hasPlace(3), hasPlace(undefined)]).toEqual([true, false, false])
  for (let i = 0; i < 3; i++) expect(await settled(take(1))).not.toBe(pending)
  await expect(takePlace(1, never)).rejects.toMatchObject({ code: '54000' })
  // Others wait until no more are taken than there may be.
  const third = take(3)
  first()
  expect(await settled(third)).toBe(pending)
})

test('a higher limit lets in who waits', async () => {
  await take(1)
  await take(2)
  const third = take(3)
  limitEngines(3)
  expect(await settled(third)).not.toBe(pending)
})
