import { availableParallelism } from 'node:os'

/** How much of an average the newest value is. */
const WEIGHT = 1 / 8
/** A gap counts as this many windows at most, so that one long pause is soon forgotten. */
const MOST_WINDOWS = 4

/** Of the latest values, the newest most. */
class MovingAverage {
  value: number

  constructor(first: number) {
    this.value = first
  }

  add(value: number): void {
    this.value += (value - this.value) * WEIGHT
  }
}

export interface BusyPollOptions {
  /** The longest poll; 0 for none at all. */
  readonly busyPollMicroseconds?: number
  /** Processes that share the cores. */
  readonly workers?: number
}

/**
 * To fall asleep and be woken takes a process longer than PostgreSQL takes for a short query. So where a client's next message
 * or the server's answer has come at once of late, the event loop looks for it a few times before it sleeps, as the kernel does
 * for a socket with SO_BUSY_POLL. That is for few clients, who wait for each message: where more are answered at a time than
 * there are cores there is always something to do, and whoever polls is in others' way.
 */
export class BusyPoll {
  readonly #window: number
  readonly #cores: number
  /** How long questions, and answers, have let wait for them, in milliseconds. */
  readonly #questions: MovingAverage
  readonly #answers: MovingAverage
  /** Sessions whose server owes an answer. */
  #awaited = 0
  /** That, whenever there is one more. */
  readonly #usuallyAwaited = new MovingAverage(1)
  #last = 0
  #until = 0
  #isPolling = false

  constructor({ busyPollMicroseconds = 0, workers = 1 }: BusyPollOptions, cores = availableParallelism()) {
    this.#window = cores > 1 ? busyPollMicroseconds / 1000 : 0
    this.#cores = Math.max(1, cores / workers)
    this.#questions = new MovingAverage(this.#window * MOST_WINDOWS)
    this.#answers = new MovingAverage(this.#window * MOST_WINDOWS)
  }

  /** A client has asked its server something, all before being answered. */
  asked(): void {
    this.#usuallyAwaited.add(++this.#awaited)
    this.#came(this.#questions, this.#answers)
  }

  /** The server owes that client nothing more. */
  answered(): void {
    this.#awaited--
    this.#came(this.#answers, this.#questions)
  }

  #came(these: MovingAverage, next: MovingAverage): void {
    if (this.#window === 0) return
    const now = performance.now()
    these.add(Math.min(now - this.#last, this.#window * MOST_WINDOWS))
    this.#last = now
    if (next.value >= this.#window || this.#usuallyAwaited.value > this.#cores) return
    this.#until = now + this.#window
    if (this.#isPolling) return
    this.#isPolling = true
    setImmediate(this.#poll)
  }

  /** An immediate that is due keeps the event loop from sleeping when it looks for events. */
  readonly #poll = (): void => {
    this.#isPolling = performance.now() < this.#until
    if (this.#isPolling) setImmediate(this.#poll)
  }
}

/** Whose turn it is in a session. */
export class Turn {
  readonly #busyPoll: BusyPoll
  #isServers = false

  constructor(busyPoll: BusyPoll) {
    this.#busyPoll = busyPoll
  }

  /** The client has sent something. */
  asked(): void {
    if (this.#isServers) return
    this.#isServers = true
    this.#busyPoll.asked()
  }

  /** All is answered, or will never be. */
  answered(): void {
    if (!this.#isServers) return
    this.#isServers = false
    this.#busyPoll.answered()
  }
}
