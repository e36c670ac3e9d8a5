import { describe, expect, it } from 'vitest'
import { BACKEND, FRONTEND, STATUS } from '../../../src/protocol/codes.ts'
import { Pending } from '../../../src/session/pending.ts'
import { MessageFlow, randomMessage, type Sent } from '../../support/message-flow.ts'
import { Random } from '../../support/random.ts'

const CONVERSATIONS = 200_000
const MOST_MESSAGES = 24
const OF_COPY: readonly number[] = [FRONTEND.copyDone, FRONTEND.copyFail, FRONTEND.flush]

/** A client, what is owed to it, and a backend, each as far ahead of the other as it comes. */
class Conversation {
  readonly history: string[] = []
  readonly #pending = new Pending()
  readonly #flow = new MessageFlow()
  readonly #random: Random
  #rowsSent = false
  /** A Sync was sent behind rows: only then may it be unknown what the backend made of it. */
  #hasSyncBehindRows = false

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#pending.receivedReady(STATUS.idle)
  }

  /** What is wrong, if something is. */
  run(): string | undefined {
    for (let i = 0; i < MOST_MESSAGES && !this.#flow.closed; i++) {
      this.#advance()
      if (this.#random.chance(0.15)) {
        const wrong = this.#put()
        if (wrong) return wrong
      } else {
        this.#send(randomMessage(this.#random))
      }
    }
    return undefined
  }

  #send(message: Sent): void {
    this.history.push(`>${name(message)}`)
    const { code } = message
    if (code === FRONTEND.copyData) this.#rowsSent = true
    else if (code === FRONTEND.sync) this.#hasSyncBehindRows ||= this.#rowsSent
    else if (!OF_COPY.includes(code)) this.#rowsSent = false
    this.#pending.sent(code)
    this.#flow.push(message)
  }

  #advance(): void {
    for (let i = this.#random.below(6); i > 0; i--) {
      if (this.#random.chance(0.5)) this.#flow.step()
      else if (this.#random.chance(0.1)) this.#flow.flush()
      else this.#receive()
    }
  }

  #receive(): boolean {
    const code = this.#flow.shift()
    if (code === undefined) return false
    this.history.push(`<${String.fromCharCode(code)}`)
    if (code === BACKEND.readyForQuery) this.#pending.receivedReady(STATUS.idle)
    else this.#pending.received(code)
    return true
  }

  /** Something of the proxy's own waits until it can be put in between, and then is, as Session.quiet() does it. */
  #put(): string | undefined {
    this.history.push('?')
    let flushed = false
    for (;;) {
      if (this.#pending.needsFlush && !flushed) this.#flow.push({ code: FRONTEND.flush, acts: ['done'] })
      flushed = this.#pending.needsFlush
      if (this.#pending.quiet || this.#pending.copyIn || this.#pending.lost) break
      if (this.#random.chance(0.3)) this.#flow.flush()
      if (this.#random.chance(0.5) || !this.#receive()) {
        if (!this.#flow.step() && this.#flow.isStill) return this.#flow.closed ? undefined : 'waits for ever'
      }
    }
    const { skipping, copyIn, unsure } = this.#pending
    const isFree = !skipping && !copyIn && !unsure
    const isQuiet = this.#flow.settle()
    if (this.#flow.closed) return undefined
    if (isFree && !isQuiet) return 'runs though the backend is not quiet'
    if (unsure && !this.#hasSyncBehindRows) return 'is unsure without a reason'
    if (!isFree && !unsure && isQuiet) return 'does not run though the backend is quiet'
    this.#send({ code: FRONTEND.query, acts: ['done'] })
    return undefined
  }
}

const name = ({ code, acts }: Sent): string => {
  const words = acts.map(act => (typeof act === 'string' ? act : `copy ${act.failsAt}`))
  return `${String.fromCharCode(code)}${'PBDCEQF'.includes(String.fromCharCode(code)) ? `(${words})` : ''}`
}

describe('Pending', () => {
  it('knows when a backend has answered all, whatever a client sends and however much of it is under way', () => {
    for (let seed = 1; seed <= CONVERSATIONS; seed++) {
      const conversation = new Conversation(seed)
      const wrong = conversation.run()
      if (wrong) expect.fail(`conversation ${seed} ${wrong}: ${conversation.history.join(' ')}`)
    }
  })
})
