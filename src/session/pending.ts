import { BACKEND, FRONTEND, STATUS } from '../protocol/codes.ts'

/** Something sent that the order of replies hangs on. */
interface Sent {
  /** Query, FunctionCall or Sync; LOGIN; or COPY_END. */
  readonly code: number
  /** Extended-protocol messages sent before it since the last Query, FunctionCall or Sync. */
  steps: number
  /** How many in a row: of CopyDone, a client may send as many as it likes. */
  times: number
}

/** The startup packet: it is owed the first ReadyForQuery. */
const LOGIN = 0
/** A CopyDone or CopyFail sent before the CopyInResponse came: it ends the next COPY there is, if there is one. */
const COPY_END = FRONTEND.copyDone
/** So much of the queue may be over before it is cut off: to shift a long array is to move all of it. */
const MAX_OVER = 1024

/**
 * What the backend still owes the client: a ReadyForQuery for each Query, Sync and FunctionCall, and one closing reply
 * for each extended-protocol message since the last of those. Pure bookkeeping over message type bytes, cheap enough for
 * every message; it tells when the backend has answered all it was sent, so that something may be put in between.
 * Source: PostgreSQL documentation, "Message Flow" (protocol-flow.html).
 */
export class Pending {
  /** Transaction status of the last ReadyForQuery. */
  status: number = STATUS.idle
  /** Oldest first; those before #first are over. */
  readonly #queue: Sent[] = [{ code: LOGIN, steps: 0, times: 1 }]
  #first = 0
  /** Extended-protocol messages sent since the last Query/Sync, and closing replies received since the last ReadyForQuery. */
  #stepsSent = 0
  #stepsAnswered = 0
  /** An error came for the unfinished pipeline: the backend drops everything up to the next Sync. */
  #skipping = false
  /** The backend takes CopyData from the client: Sync and Flush are ignored until CopyDone or CopyFail. */
  #copyIn = false

  sent(code: number): void {
    switch (code) {
      case FRONTEND.sync:
        if (!this.#copyIn) this.#startCycle(code)
        return
      case FRONTEND.query:
      case FRONTEND.functionCall:
        if (!this.#copyIn && !this.#skipping) this.#startCycle(code)
        return
      case FRONTEND.copyDone:
      case FRONTEND.copyFail:
        if (this.#copyIn) this.#copyIn = false
        else if (this.#owesCycle || this.#stepsSent > this.#stepsAnswered) {
          this.#pushCopyEnd()
        }
        return
      case FRONTEND.parse:
      case FRONTEND.bind:
      case FRONTEND.describe:
      case FRONTEND.execute:
      case FRONTEND.close:
        if (!this.#copyIn && !this.#skipping) this.#stepsSent++
        return
    }
  }

  received(code: number): void {
    switch (code) {
      case BACKEND.parseComplete:
      case BACKEND.bindComplete:
      case BACKEND.closeComplete:
      case BACKEND.noData:
      case BACKEND.rowDescription:
      case BACKEND.commandComplete:
      case BACKEND.emptyQueryResponse:
      case BACKEND.portalSuspended:
        this.#stepsAnswered++
        return
      case BACKEND.copyInResponse:
        this.#startCopyIn()
        return
      case BACKEND.copyBothResponse:
        // A stream of changes has no end that somebody would wait for.
        this.#shift()
        return
      case BACKEND.errorResponse:
        this.#copyIn = false
        if (this.#stepsSent > 0 && !this.#owesCycle) {
          this.#skipping = true
          this.#clear()
        }
        return
    }
  }

  /** ReadyForQuery with its transaction status byte. */
  receivedReady(status: number): void {
    this.status = status
    this.#stepsAnswered = 0
    this.#copyIn = false
    this.#dropCopyEnds(() => true)
    this.#shift()
    // Those of a query that has failed before it came to its COPY.
    this.#dropCopyEnds(({ steps }) => steps === 0)
  }

  /** The backend has answered everything, or will answer nothing until the next Sync. */
  get quiet(): boolean {
    return !this.#owesCycle && !this.#copyIn && (this.#skipping || this.#stepsAnswered >= this.#stepsSent)
  }

  /** Replies are due that come only after a Flush (no Sync follows yet). */
  get needsFlush(): boolean {
    return !this.#skipping && this.#stepsSent > 0 && (this.#owesCycle || this.#stepsAnswered < this.#stepsSent)
  }

  get skipping(): boolean {
    return this.#skipping
  }

  /** The backend waits for the client's CopyData. */
  get copyIn(): boolean {
    return this.#copyIn
  }

  /** Extended-protocol messages were sent that no Sync has closed yet: a Sync of our own would end their transaction. */
  get inPipeline(): boolean {
    return this.#stepsSent > 0
  }

  get #owesCycle(): boolean {
    for (let i = this.#first; i < this.#queue.length; i++) if (this.#queue[i]?.code !== COPY_END) return true
    return false
  }

  #startCycle(code: number): void {
    this.#queue.push({ code, steps: this.#stepsSent, times: 1 })
    this.#stepsSent = 0
    this.#skipping = false
  }

  #pushCopyEnd(): void {
    const last = this.#first < this.#queue.length ? this.#queue.at(-1) : undefined
    if (last?.code === COPY_END && last.steps === this.#stepsSent) last.times++
    else this.#queue.push({ code: COPY_END, steps: this.#stepsSent, times: 1 })
  }

  #shift(): void {
    if (this.#first === this.#queue.length) return
    this.#first++
    if (this.#first === this.#queue.length) this.#clear()
    else if (this.#first >= MAX_OVER && this.#first * 2 >= this.#queue.length) this.#cutOver()
  }

  #clear(): void {
    this.#queue.length = 0
    this.#first = 0
  }

  #cutOver(): void {
    this.#queue.splice(0, this.#first)
    this.#first = 0
  }

  #dropCopyEnds(areOver: (sent: Sent) => boolean): void {
    for (;;) {
      const first = this.#queue[this.#first]
      if (first?.code !== COPY_END || !areOver(first)) return
      this.#shift()
    }
  }

  /**
   * Everything before the COPY has been answered, so what is still owed was sent after it: the Syncs up to the client's
   * CopyDone or CopyFail are ignored by the backend (a simple COPY's own Query is the exception, it comes first). The
   * messages that such a Sync seemed to close belong to the next one.
   */
  #startCopyIn(): void {
    this.#cutOver()
    const own = this.#queue[0]?.code === FRONTEND.query ? 1 : 0
    const end = this.#queue.findIndex(({ code }) => code === COPY_END)
    this.#copyIn = end < 0
    const ignored = this.#queue.splice(own, this.#copyIn ? this.#queue.length : end - own)
    const copyEnd = this.#queue[own]
    if (copyEnd?.code === COPY_END && --copyEnd.times === 0) this.#queue.splice(own, 1)
    const steps = ignored.reduce((sum, sent) => sum + sent.steps, 0)
    const next = this.#queue.slice(own).find(({ code }) => code !== COPY_END)
    if (next) next.steps += steps
    else this.#stepsSent += steps
  }
}
