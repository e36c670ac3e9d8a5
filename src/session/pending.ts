import { BACKEND, FRONTEND, STATUS } from '../protocol/codes.ts'

/** The startup packet: it is owed the first ReadyForQuery. */
const LOGIN = 0
/** A Sync with CopyData before it. */
const SYNC_BEHIND_ROWS = 1
/** So much of the queue may be over before it is cut off: to shift a long array is to move all of it. */
const MAX_OVER = 1024

const isSync = (code: number): boolean => code === FRONTEND.sync || code === SYNC_BEHIND_ROWS

/** By type byte: owed a ReadyForQuery. A table, because it is asked for every message. */
const CYCLES = new Uint8Array(256)
for (const code of [LOGIN, FRONTEND.sync, SYNC_BEHIND_ROWS, FRONTEND.query, FRONTEND.functionCall]) CYCLES[code] = 1
const isCycle = (code: number): boolean => CYCLES[code] === 1

/** What is sent while rows are due. */
const ROWS: readonly number[] = [FRONTEND.copyData, FRONTEND.copyDone, FRONTEND.copyFail, FRONTEND.flush]
/** What the backend reads in a COPY; any other message ends the session. */
const IN_COPY: readonly number[] = [...ROWS, FRONTEND.sync]

/**
 * What the backend still owes the client: a ReadyForQuery for each Query, Sync and FunctionCall, and one closing reply
 * for each other message of the extended protocol. Pure bookkeeping over message type bytes, cheap enough for every
 * message; it tells when the backend has answered all it was sent, so that something may be put in between.
 * Source: PostgreSQL documentation, "Message Flow" (protocol-flow.html).
 */
export class Pending {
  /** Transaction status of the last ReadyForQuery. */
  status: number = STATUS.idle
  /**
   * Type bytes of what is owed a reply, oldest first, from #first to before #end. A negative number is that many
   * CopyDone and CopyFail in a row: each ends the next COPY there is, and is ignored where there is none.
   */
  #owed: number[] = [LOGIN]
  #first = 0
  #end = 1
  /** How many of them are owed a ReadyForQuery. */
  #cycles = 1
  /** An error came for a message of the extended protocol: the backend drops everything up to the next Sync. */
  #skipping = false
  /** The backend takes CopyData from the client: Sync and Flush are ignored until CopyDone or CopyFail. */
  #copyIn = false
  #inPipeline = false
  /** Of the pipeline so far. */
  #binds = 0
  #executes = 0
  #pipelines = 0
  /** Replies to what is next have come. */
  #begun = false
  /** CopyData was sent since the last message that may begin a COPY. */
  #rowsSent = false
  /** Syncs sent behind rows of a COPY. If a row fails, those before it were ignored, those behind it are answered. */
  #syncsAmongRows = 0
  #certainty: 'sure' | 'unsure' | 'lost' = 'sure'

  sent(code: number): void {
    if (this.#copyIn) {
      if (code === FRONTEND.copyDone || code === FRONTEND.copyFail) this.#copyIn = false
      else if (code === FRONTEND.copyData) this.#rowsSent = true
      else if (code === FRONTEND.sync && this.#rowsSent) this.#syncsAmongRows++
      if (IN_COPY.includes(code)) return
      this.#breakCopyIn()
    }
    if (this.#skipping && code !== FRONTEND.sync) {
      if (this.#certainty === 'unsure' && !ROWS.includes(code)) this.#certainty = 'lost'
      return
    }
    switch (code) {
      case FRONTEND.copyData:
        this.#rowsSent = true
        return
      case FRONTEND.sync:
        this.#skipping = false
        this.#closePipeline()
        this.#owed[this.#end++] = this.#rowsSent ? SYNC_BEHIND_ROWS : code
        this.#cycles++
        return
      case FRONTEND.query:
      case FRONTEND.functionCall:
        this.#rowsSent = false
        this.#closePipeline()
        this.#owed[this.#end++] = code
        this.#cycles++
        return
      case FRONTEND.parse:
      case FRONTEND.bind:
      case FRONTEND.describe:
      case FRONTEND.execute:
      case FRONTEND.close:
        this.#rowsSent = false
        this.#inPipeline = true
        if (code === FRONTEND.bind) this.#binds++
        else if (code === FRONTEND.execute) this.#executes++
        this.#owed[this.#end++] = code
        return
      case FRONTEND.copyDone:
      case FRONTEND.copyFail:
        if (!this.#isEmpty) this.#pushCopyEnd()
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
        this.#begun = true
        if (this.#certainty === 'unsure') this.#clearUp()
        this.#syncsAmongRows = 0
        if (this.#first < this.#end && !isCycle(this.#owed[this.#first] as number)) this.#shift()
        return
      case BACKEND.functionCallResponse:
        this.#begun = true
        if (this.#certainty === 'unsure') this.#clearUp()
        return
      case BACKEND.copyInResponse:
        this.#begun = true
        if (this.#certainty === 'unsure') this.#clearUp()
        this.#startCopyIn()
        return
      case BACKEND.copyBothResponse:
        // A stream of changes has no end that somebody would wait for.
        this.#shift()
        return
      case BACKEND.errorResponse:
        this.#begun = true
        this.#copyIn = false
        // It may be about one of the Syncs in doubt, if that is malformed.
        if (this.#certainty === 'unsure') this.#certainty = 'lost'
        else if (this.#syncsAmongRows > 0 && !this.unsure) this.#certainty = 'unsure'
        this.#syncsAmongRows = 0
        // With nothing owed it is about a statement of the proxy's in the client's pipeline.
        if (this.#isEmpty ? this.#inPipeline : !isCycle(this.#next)) this.#skip()
        return
    }
  }

  /** ReadyForQuery with its transaction status byte. */
  receivedReady(status: number): void {
    this.status = status
    this.#copyIn = false
    // A Query is told of more than its ReadyForQuery: this is a Sync's that was taken for ignored.
    const isLate = this.#certainty === 'unsure' && !this.#begun && !this.#isEmpty && !isSync(this.#next)
    if (!isLate) this.#shift()
  }

  /** The backend has answered everything, or will answer nothing until the next Sync. */
  get quiet(): boolean {
    return this.#isEmpty && !this.#copyIn
  }

  /** It cannot be told whether the backend has answered everything. The replies to the next query mostly clear it up. */
  get unsure(): boolean {
    return this.#certainty !== 'sure'
  }

  /** That will not be cleared up any more. */
  get lost(): boolean {
    return this.#certainty === 'lost'
  }

  /** Replies are due that come only after a Flush (no Sync follows yet). */
  get needsFlush(): boolean {
    return this.#inPipeline && !this.#isEmpty
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
    return this.#inPipeline
  }

  /** Nothing has run in it yet, and there is one portal of it at most: what a Sync of our own ends can be made again. */
  get pipelineIsFresh(): boolean {
    return this.#executes === 0 && this.#binds <= 1
  }

  /** The number of the one that is open, or will be. */
  get pipeline(): number {
    return this.#pipelines
  }

  #closePipeline(): void {
    this.#inPipeline = false
    this.#pipelines++
    this.#binds = 0
    this.#executes = 0
  }

  get #isEmpty(): boolean {
    return this.#first === this.#end
  }

  get #next(): number {
    return this.#owed[this.#first] as number
  }

  /** A reply other than ReadyForQuery has come: the Syncs before are over. */
  #clearUp(): void {
    while (!this.#isEmpty && isSync(this.#next)) this.#shift()
    this.#certainty = 'sure'
    this.#begun = true
  }

  #pushCopyEnd(): void {
    const last = this.#end - 1
    const count = this.#owed[last] as number
    if (count < 0) this.#owed[last] = count - 1
    else this.#owed[this.#end++] = -1
  }

  #shift(): void {
    if (this.#first === this.#end) return
    if (isCycle(this.#next)) this.#cycles--
    this.#begun = false
    let first = this.#first + 1
    // A CopyDone that comes next was out of place, or belonged to what is over.
    if (first < this.#end && (this.#owed[first] as number) < 0) first++
    if (first === this.#end) {
      if (first > MAX_OVER) this.#owed = []
      first = this.#end = 0
    } else if (first >= MAX_OVER && first * 2 >= this.#end) {
      this.#owed = this.#owed.slice(first, this.#end)
      this.#end -= first
      first = 0
    }
    this.#first = first
  }

  #skip(): void {
    this.#shift()
    // Whether it is skipped hangs on a Sync of which nothing is known.
    if (this.unsure && !this.#isEmpty && !isSync(this.#next)) this.#certainty = 'lost'
    while (!this.#isEmpty && !isSync(this.#next)) this.#shift()
    if (!this.#isEmpty) return
    this.#skipping = true
    this.#inPipeline = true
  }

  /** The Syncs up to the client's CopyDone or CopyFail are ignored by the backend. */
  #startCopyIn(): void {
    if (this.#isEmpty) return
    const isExtended = !isCycle(this.#next)
    let end = this.#first + 1
    while (end < this.#end && isSync(this.#owed[end] as number)) end++
    this.#copyIn = end === this.#end
    // What stays moves up to the CopyDone, or into its place. Without one the COPY has failed where another message comes.
    let to = end
    if (!this.#copyIn && (this.#owed[end] as number) < 0) {
      const left = (this.#owed[end] as number) + 1
      if (left === 0) to++
      else this.#owed[end] = left
    }
    for (let from = end - 1; from >= this.#first; from--) {
      const code = this.#owed[from] as number
      if (isSync(code)) this.#cycles--
      if (!isSync(code)) this.#owed[--to] = code
      else if (code === SYNC_BEHIND_ROWS) this.#syncsAmongRows++
    }
    this.#first = to
    if (isExtended && this.#cycles === 0) this.#inPipeline = true
  }

  /** A message is sent that only a COPY that has failed lets the session survive: the error is on its way. */
  #breakCopyIn(): void {
    this.#copyIn = false
    if (isCycle(this.#next)) return
    this.#skipping = true
    if (this.#syncsAmongRows > 0) this.#certainty = 'lost'
  }
}
