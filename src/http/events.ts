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

/**
 * Tells listeners how things stand, twice a second while they change. Each has its next event made when it has taken the one
 * before: whoever reads slowly hears of less, and nothing piles up.
 */
export class Events {
  readonly #proxy: RunningProxy
  readonly #closed = new AbortController()
  #listeners = 0
  #state = { at: Number.NEGATIVE_INFINITY, text: '' }

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
        for await (const data of this.#states(signal)) await stream.writeSSE({ event: 'activity', data })
      } finally {
        this.#listeners--
      }
    })
  }

  close(): void {
    this.#closed.abort()
  }

  async *#states(signal: AbortSignal): AsyncGenerator<string> {
    let seen: string | undefined
    let seenId: number | undefined
    for (let silent = 0; !signal.aborted; silent++) {
      const state = this.#now()
      const lastId = this.#proxy.transfers.finished.at(-1)?.id
      const isNew = seen === undefined || lastId !== seenId
      if (isNew || state !== seen || silent >= SILENT_INTERVALS) {
        yield isNew ? `${state.slice(0, -1)},"finished":${JSON.stringify(finishedView(this.#proxy))}}` : state
        silent = 0
        seen = state
        seenId = lastId
      }
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** An Activity without what has finished; one for all who listen. */
  #now(): string {
    const now = performance.now()
    if (now - this.#state.at > INTERVAL_MS / 2) {
      const { isDraining } = this.#proxy
      const activity: Activity = { ...liveView(this.#proxy), ...sessionsView(this.#proxy), isDraining }
      this.#state = { at: now, text: JSON.stringify(activity) }
    }
    return this.#state.text
  }
}
