import { BACKEND, FRONTEND } from '../../src/protocol/codes.ts'
import type { Random } from './random.ts'

/** Type byte of a message. */
type Code = number

/** A message of a client, with what the backend is going to make of it. */
export interface Sent {
  readonly code: Code
  /** What a Query or an Execute does, one after the other; other messages do one thing or fail. */
  readonly acts: readonly Act[]
}

/** `copyIn`: it fails at the `failsAt`th CopyData, or where there are fewer not at all. */
export type Act = 'done' | 'error' | { readonly copyIn: true; readonly failsAt: number }

interface Copy {
  readonly isQuery: boolean
  readonly failsAt: number
  readonly rest: readonly Act[]
  rows: number
}

/** Replies to what is done with success. */
const SUCCESS: Readonly<Record<Code, Code>> = {
  [FRONTEND.parse]: BACKEND.parseComplete,
  [FRONTEND.bind]: BACKEND.bindComplete,
  [FRONTEND.describe]: BACKEND.rowDescription,
  [FRONTEND.close]: BACKEND.closeComplete,
}

/**
 * The main loop of a backend, as far as a client can tell: which message is answered with what, in order, which is
 * ignored, and when it is flushed. Source: PostgresMain() and CopyGetData() of PostgreSQL, "Message Flow"
 * (protocol-flow.html).
 */
export class MessageFlow {
  /** It ended the session: a message that no COPY can be sent. */
  closed = false
  #input: Sent[] = []
  #unflushed: Code[] = []
  #output: Code[] = []
  #skipping = false
  /** What is under way while it waits for rows. */
  #copy: Copy | undefined

  push(message: Sent): void {
    this.#input.push(message)
  }

  /** Reads a message. False: there is none. */
  step(): boolean {
    const message = this.closed ? undefined : this.#input.shift()
    if (message === undefined) return false
    if (this.#copy) this.#row(message.code, this.#copy)
    else if (!this.#skipping || message.code === FRONTEND.sync) this.#begin(message)
    return true
  }

  /** The next reply that has left. */
  shift(): Code | undefined {
    return this.#output.shift()
  }

  /** A buffer that was full. */
  flush(): void {
    this.#output.push(...this.#unflushed)
    this.#unflushed = []
  }

  /** Reads all that was sent. True: the client has all replies, and the next message will be run. */
  settle(): boolean {
    while (this.step()) {}
    return !this.closed && !this.#skipping && !this.#copy && this.#output.length + this.#unflushed.length === 0
  }

  /** Nothing comes any more, before another message. */
  get isStill(): boolean {
    return this.closed || (this.#input.length === 0 && this.#output.length === 0)
  }

  #begin({ code, acts }: Sent): void {
    switch (code) {
      case FRONTEND.query:
      case FRONTEND.execute:
        this.#run(code === FRONTEND.query, acts)
        break
      case FRONTEND.functionCall:
        this.#reply(acts[0] === 'error' ? BACKEND.errorResponse : BACKEND.functionCallResponse)
        this.#ready()
        break
      case FRONTEND.sync:
        this.#skipping = false
        // One with a body is refused, and answered nevertheless.
        if (acts[0] === 'error') this.#reply(BACKEND.errorResponse)
        this.#ready()
        break
      case FRONTEND.flush:
        this.flush()
        break
      case FRONTEND.copyData:
      case FRONTEND.copyDone:
      case FRONTEND.copyFail:
        break
      default:
        if (acts[0] === 'error') this.#fail(false)
        else this.#reply(SUCCESS[code] as Code)
    }
  }

  #run(isQuery: boolean, acts: readonly Act[]): void {
    const [act, ...rest] = acts
    if (act === undefined) {
      if (isQuery) this.#ready()
    } else if (act === 'error') {
      this.#fail(isQuery)
    } else if (act === 'done') {
      this.#reply(BACKEND.commandComplete)
      this.#run(isQuery, rest)
    } else {
      this.#copy = { isQuery, failsAt: act.failsAt, rest, rows: 0 }
      this.#reply(BACKEND.copyInResponse)
      this.flush()
    }
  }

  #row(code: Code, copy: Copy): void {
    switch (code) {
      case FRONTEND.sync:
      case FRONTEND.flush:
        break
      case FRONTEND.copyDone:
        this.#copy = undefined
        this.#reply(BACKEND.commandComplete)
        this.#run(copy.isQuery, copy.rest)
        break
      case FRONTEND.copyData:
        if (++copy.rows === copy.failsAt) this.#failCopy(copy)
        break
      case FRONTEND.copyFail:
        this.#failCopy(copy)
        break
      default:
        // It is not read to its end, so that what follows cannot be told apart.
        this.closed = true
    }
  }

  #failCopy({ isQuery }: Copy): void {
    this.#copy = undefined
    this.#fail(isQuery)
  }

  #fail(isQuery: boolean): void {
    this.#reply(BACKEND.errorResponse)
    this.flush()
    if (isQuery) this.#ready()
    else this.#skipping = true
  }

  #ready(): void {
    this.#reply(BACKEND.readyForQuery)
    this.flush()
  }

  #reply(code: Code): void {
    this.#unflushed.push(code)
  }
}

const COMMON: readonly (keyof typeof FRONTEND)[] = [
  'query',
  'query',
  'parse',
  'bind',
  'execute',
  'execute',
  'sync',
  'sync',
  'copyData',
  'copyData',
  'copyDone',
]
const RARE: readonly (keyof typeof FRONTEND)[] = ['describe', 'close', 'flush', 'functionCall', 'copyFail']

export function randomMessage(random: Random): Sent {
  const code = FRONTEND[random.pick(random.chance(0.75) ? COMMON : RARE)]
  if (code === FRONTEND.sync) return { code, acts: [random.chance(0.03) ? 'error' : 'done'] }
  const most = code === FRONTEND.query ? 3 : 1
  return { code, acts: Array.from({ length: 1 + random.below(most) }, () => randomAct(random)) }
}

function randomAct(random: Random): Act {
  if (random.chance(0.35)) return { copyIn: true, failsAt: 1 + random.below(4) }
  return random.chance(0.8) ? 'done' : 'error'
}
