import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { RequestGuard } from '../../../src/storage/request-guard.ts'

const silence = new Error('silence')
const guardOf = (caller: AbortController, limitMs: number) => new RequestGuard(caller.signal, limitMs, () => silence)

it('cancels with the reason of the caller', () => {
  const caller = new AbortController()
  const guard = guardOf(caller, 1000)
  const reason = new Error('enough')
  caller.abort(reason)
  expect(guard.signal.reason).toBe(reason)
})

it('is cancelled from the start if the caller is', () => {
  const reason = new Error('too late')
  const caller = new AbortController()
  caller.abort(reason)
  expect(guardOf(caller, 1000).signal.reason).toBe(reason)
})

it('cancels when nothing happens within the limit', async () => {
  const guard = guardOf(new AbortController(), 10)
  guard.expectProgress()
  await sleep(50)
  expect(guard.signal.reason).toBe(silence)
})

it('does not mind silence while it is paused, or not started', async () => {
  const guard = guardOf(new AbortController(), 10)
  await sleep(30)
  guard.expectProgress()
  guard.pause()
  await sleep(30)
  expect(guard.signal.aborted).toBe(false)
})

it('starts the limit again with each progress', async () => {
  const guard = guardOf(new AbortController(), 200)
  for (let i = 0; i < 6; i++) {
    guard.expectProgress()
    await sleep(50)
  }
  expect(guard.signal.aborted).toBe(false)
  guard.release()
})

it('ignores the caller once it is released', () => {
  const caller = new AbortController()
  const guard = guardOf(caller, 1000)
  guard.release()
  caller.abort()
  expect(guard.signal.aborted).toBe(false)
})
