import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { RunningProxy } from '../proxy.ts'
import type { Activity } from './api.ts'
import { finishedView, liveView, sessionsView } from './views.ts'

const MAX_LISTENERS = 32
const INTERVAL_MS = 500
/** As often as something has to be said although nothing has happened: a peer that is gone shows then. */
const SILENT_INTERVALS = 20

/** How things stand, as all hear it who listen. */
interface State {
  readonly at: number
  /** An Activity without what has finished. */
  readonly text: string
  /** Of the last transfer that has finished. */
  readonly lastId: number | undefined
  /** With what has finished, or without; made when somebody wants it. */
  readonly events: Map<boolean, Buffer>
}

/**
 * Tells listeners how things stand, twice a second while they change. Each gets its next event when it has taken the one
 * before: whoever reads slowly hears of less, and nothing piles up. An event is the same bytes for all.
 */
export class Events {
  readonly #proxy: RunningProxy
  readonly #closed = new AbortController()
  #listeners = 0
  #state: State | undefined

  constructor(proxy: RunningProxy) {
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
      const state = this.#now()
      const isNew = seen === undefined || state.lastId !== seen.lastId
      if (isNew || state.text !== seen?.text || silent >= SILENT_INTERVALS) {
        yield this.#event(state, isNew)
        silent = 0
        seen = state
      }
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {})
    }
  }

  #now(): State {
    const at = performance.now()
    if (this.#state === undefined || at - this.#state.at > INTERVAL_MS / 2) {
      const { isDraining, transfers } = this.#proxy
      const activity: Activity = { ...liveView(this.#proxy), ...sessionsView(this.#proxy), isDraining }
      this.#state = { at, text: JSON.stringify(activity), lastId: transfers.finished.at(-1)?.id, events: new Map() }
    }
    return this.#state
  }

  #event({ text, events }: State, hasFinished: boolean): Buffer {
    const known = events.get(hasFinished)
    if (known !== undefined) return known
    const finished = hasFinished ? `,"finished":${JSON.stringify(finishedView(this.#proxy))}` : ''
    const event = Buffer.from(`event: activity\ndata: ${text.slice(0, -1)}${finished}}\n\n`)
    events.set(hasFinished, event)
    return event
  }
}
