import { BACKEND, FRONTEND, STATUS } from '../protocol/codes.ts'

/**
 * What the backend still owes the client: a ReadyForQuery for each Query, Sync and FunctionCall, and one closing reply
 * for each extended-protocol message since the last of those. Pure bookkeeping over message type bytes, cheap enough for
 * every message; it tells when the backend has answered all it was sent, so that something may be put in between.
 * Source: PostgreSQL documentation, "Message Flow" (protocol-flow.html).
 */
export class Pending {
  /** Transaction status of the last ReadyForQuery. */
  status: number = STATUS.idle
  /** The messages that a ReadyForQuery is owed for, oldest first. */
  #cycles: number[] = []
  /** Extended-protocol messages sent since the last Query/Sync, and closing replies received since the last ReadyForQuery. */
  #stepsSent = 0
  #stepsAnswered = 0
  /** An error came for the unfinished pipeline: the backend drops everything up to the next Sync. */
  #skipping = false
  /** The backend takes CopyData from the client: Sync and Flush are ignored until CopyDone or CopyFail. */
  #copyIn = false
  /** Cycles already owed when the client ended a copy whose CopyInResponse has not come yet: void once it comes. */
  #cyclesAtCopyEnd = -1

  sent(code: number): void {
    switch (code) {
      case FRONTEND.sync:
        if (this.#copyIn) return
        this.#cycles.push(code)
        this.#stepsSent = 0
        this.#skipping = false
        return
      case FRONTEND.query:
      case FRONTEND.functionCall:
        if (this.#copyIn || this.#skipping) return
        this.#cycles.push(code)
        this.#stepsSent = 0
        return
      case FRONTEND.copyDone:
      case FRONTEND.copyFail:
        if (this.#copyIn) this.#copyIn = false
        else if (this.#owes) this.#cyclesAtCopyEnd = this.#cycles.length
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
      case BACKEND.errorResponse:
        this.#copyIn = false
        this.#cyclesAtCopyEnd = -1
        if (this.#cycles.length === 0 && this.#stepsSent > 0) this.#skipping = true
        return
    }
  }

  /** ReadyForQuery with its transaction status byte. */
  receivedReady(status: number): void {
    this.status = status
    this.#cycles.shift()
    this.#stepsAnswered = 0
    this.#cyclesAtCopyEnd = -1
  }

  /** The backend has answered everything, or will answer nothing until the next Sync. */
  get quiet(): boolean {
    return this.#cycles.length === 0 && !this.#copyIn && (this.#skipping || this.#stepsAnswered >= this.#stepsSent)
  }

  /** Replies are due that come only after a Flush (no Sync follows yet). */
  get needsFlush(): boolean {
    return (
      !this.#skipping && this.#stepsSent > 0 && !(this.#cycles.length === 0 && this.#stepsAnswered >= this.#stepsSent)
    )
  }

  get skipping(): boolean {
    return this.#skipping
  }

  /** Extended-protocol messages were sent that no Sync has closed yet: a Sync of our own would end their transaction. */
  get inPipeline(): boolean {
    return this.#stepsSent > 0
  }

  get #owes(): boolean {
    return this.#cycles.length > 0 || this.#stepsSent > this.#stepsAnswered
  }

  /**
   * Everything before the COPY has been answered, so what is still owed was sent after it: the Syncs up to the client's
   * CopyDone or CopyFail are ignored by the backend (a simple COPY's own Query is the exception, it comes first).
   */
  #startCopyIn(): void {
    const own = this.#cycles[0] === FRONTEND.query ? 1 : 0
    if (this.#cyclesAtCopyEnd >= 0) this.#cycles.splice(own, this.#cyclesAtCopyEnd - own)
    else {
      this.#cycles.length = Math.min(this.#cycles.length, own)
      this.#copyIn = true
    }
    this.#cyclesAtCopyEnd = -1
  }
}
