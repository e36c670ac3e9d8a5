import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Activity } from './api.ts'
import type { Observed } from './observed.ts'

const MAX_LISTENERS = 32
const INTERVAL_MS = 500
/** As often as something has to be said although nothing has happened: a peer that is gone shows then. */
const SILENT_INTERVALS = 20

/** How things stand, as all hear it who listen. */
interface State {
  /** An Activity without what has finished. */
  readonly text: string
  /** That, as JSON. */
  readonly finished: string
  /** With what has finished, or without; made when somebody wants it. */
  readonly events: Map<boolean, Buffer>
}

/**
 * Tells listeners how things stand, twice a second while they change. Each gets its next event when it has taken the one
 * before: whoever reads slowly hears of less, and nothing piles up. An event is the same bytes for all.
 */
export class Events {
  readonly #proxy: Observed
  readonly #closed = new AbortController()
  #listeners = 0
  #lookedAt = Number.NEGATIVE_INFINITY
  #look: Promise<State> | undefined

  constructor(proxy: Observed) {
    this.#proxy = proxy
  }

  listen(c: Context): Response {
    // Nobody would take the events, nor say that they are over.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' })
    if (this.#listeners >= MAX_LISTENERS) return c.json({ error: `there are ${MAX_LISTENERS} listeners already` }, 503)
    this.#listeners++
    return streamSSE(c, async stream => {
      const over = new AbortController()
      stream.onAbort(() => over.abort())
      const signal = AbortSignal.any([over.signal, this.#closed.signal])
      try {
        for await (const event of this.#events(signal)) await stream.write(event)
      } finally {
        this.#listeners--
      }
    })
  }

  close(): void {
    this.#closed.abort()
  }

  async *#events(signal: AbortSignal): AsyncGenerator<Buffer> {
    let seen: State | undefined
    for (let silent = 0; !signal.aborted; silent++) {
      const state = await this.#now()
      const isNew = state.finished !== seen?.finished
      if (isNew || state.text !== seen?.text || silent >= SILENT_INTERVALS) {
        yield eventOf(state, isNew)
        silent = 0
        seen = state
      }
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** One look for all who listen. */
  #now(): Promise<State> {
    const now = performance.now()
    if (this.#look === undefined || now - this.#lookedAt > INTERVAL_MS / 2) {
      this.#lookedAt = now
      this.#look = this.#state()
    }
    return this.#look
  }

  async #state(): Promise<State> {
    const { isDraining } = this.#proxy
    const { finished, ...standing } = await this.#proxy.standing()
    const activity: Activity = { ...standing, isDraining }
    return { text: JSON.stringify(activity), finished: JSON.stringify(finished), events: new Map() }
  }
}

function eventOf({ text, finished, events }: State, hasFinished: boolean): Buffer {
  const known = events.get(hasFinished)
  if (known !== undefined) return known
  const added = hasFinished ? `,"finished":${finished}` : ''
  const event = Buffer.from(`event: activity\ndata: ${text.slice(0, -1)}${added}}\n\n`)
  events.set(hasFinished, event)
  return event
}
