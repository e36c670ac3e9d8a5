import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { BusyPoll, type BusyPollOptions, Turn } from '../../../src/session/busy-poll.ts'

const OPTIONS = { busyPollMicroseconds: 200 }
const LONG_MS = 1

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
})

const isPolling = (): boolean => vi.getTimerCount() > 0

/** Lets what polls come to its end. */
const sleep = (): void => {
  while (isPolling()) {
    vi.advanceTimersByTime(LONG_MS)
    vi.runOnlyPendingTimers()
  }
}

/** Some time with a client who asks at once, and a server who answers at once, or after `answerMs`. */
function converse(turn: Turn, answerMs = 0): void {
  for (let i = 0; i < 100; i++) {
    turn.asked()
    vi.advanceTimersByTime(answerMs)
    turn.answered()
  }
  sleep()
}

const begin = (options: BusyPollOptions, cores = 2) => {
  const busyPoll = new BusyPoll(options, cores)
  return { busyPoll, turn: new Turn(busyPoll) }
}

it('polls for an answer, and for the next question, where they have come at once', () => {
  const { turn } = begin(OPTIONS)
  turn.asked()
  expect(isPolling()).toBe(false) // nothing is known yet
  turn.answered()
  converse(turn)
  turn.asked()
  expect(isPolling()).toBe(true)
  sleep()
  turn.answered()
  expect(isPolling()).toBe(true)
})

it('polls no longer than it was told to', () => {
  const { turn } = begin(OPTIONS)
  converse(turn)
  turn.asked()
  vi.runOnlyPendingTimers()
  expect(isPolling()).toBe(true) // no time has passed
  vi.advanceTimersByTime(LONG_MS)
  vi.runOnlyPendingTimers()
  expect(isPolling()).toBe(false)
})

it('does not poll for answers that take long; for questions it does', () => {
  const { turn } = begin(OPTIONS)
  converse(turn, LONG_MS)
  turn.asked()
  expect(isPolling()).toBe(false)
  turn.answered()
  expect(isPolling()).toBe(true)
  sleep()
  converse(turn)
  turn.asked()
  expect(isPolling()).toBe(true) // they come at once again
})

it('does not poll where more clients wait at a time than there are cores', () => {
  const { busyPoll, turn } = begin(OPTIONS)
  const others = [1, 2].map(() => new Turn(busyPoll))
  for (const other of others) other.asked()
  converse(turn)
  turn.asked()
  expect(isPolling()).toBe(false)
  for (const other of others) other.answered()
  turn.answered()
  converse(turn)
  turn.asked()
  expect(isPolling()).toBe(true)
})

it('has its share of the cores alone where there are workers', () => {
  const { busyPoll, turn } = begin({ ...OPTIONS, workers: 2 })
  const other = new Turn(busyPoll)
  other.asked()
  converse(turn)
  turn.asked()
  expect(isPolling()).toBe(false)
})

it('never polls where it is not to, nor with a single core', () => {
  for (const [options, cores] of [
    [{ busyPollMicroseconds: 0 }, 2],
    [OPTIONS, 1],
  ] as const) {
    const { turn } = begin(options, cores)
    converse(turn)
    turn.asked()
    expect(isPolling()).toBe(false)
  }
})
