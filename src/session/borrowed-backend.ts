import type { CopyDataSink, Frame } from '../protocol/frame-assembler.ts'
import type { BackendSide } from './backend-side.ts'
import { Inbox } from './inbox.ts'
import type { Pending } from './pending.ts'
import type { Wire } from './wire.ts'

/** Where so many bytes of a COPY have come, more will. */
const BULK_BYTES = 256 * 1024
/** Some times what the server sends at once: where so much was there, there may be more. */
const GATHERED_BYTES = 32 * 1024

/** What the session does for whoever has borrowed its backend. */
export interface Lender extends Pick<Wire, 'signal' | 'reply' | 'passClientCopy' | 'cancelBackend'> {
  readonly pending: Pending
  readonly backend: BackendSide
  readonly backendPid: () => number
  /** Passes on what is the client's, headers looked at. */
  passToClient(bytes: Buffer): void
}

/** A session's backend in the hands of one operation: what it says is for the operation alone to take. */
export class BorrowedBackend implements Wire {
  readonly #lender: Lender
  readonly #inbox: Inbox
  #cancelListener: (() => void) | undefined
  #missedCancel = false
  /** Of chunks that had a sink. */
  #copyBytes = 0
  #replySink: ((frame: Frame) => boolean) | undefined

  constructor(lender: Lender) {
    const { backend } = lender
    this.#lender = lender
    this.#inbox = new Inbox(isFull => (isFull ? backend.pause('inbox') : backend.resume('inbox')))
  }

  get signal(): AbortSignal {
    return this.#lender.signal
  }

  /** What the client is owed: a message sent in its name is to be booked there. */
  get pending(): Pending {
    return this.#lender.pending
  }

  /** Its process's. */
  get pid(): number {
    return this.#lender.backendPid()
  }

  next(): Promise<Frame> {
    return this.#inbox.next()
  }

  send(bytes: Buffer): boolean {
    return this.#lender.backend.send(bytes)
  }

  sendCopyData(payload: Buffer): boolean {
    return this.#lender.backend.sendCopyData(payload)
  }

  drained(): Promise<void> {
    return this.#lender.backend.drained(this.signal)
  }

  reply(frame: Frame): void {
    if (!this.#replySink?.(frame)) this.#lender.reply(frame)
  }

  /** Takes the replies that the client is not to have yet: those for which it is true. */
  setReplySink(sink: ((frame: Frame) => boolean) | undefined): void {
    this.#replySink = sink
  }

  setCopyDataSink(sink: CopyDataSink | undefined): void {
    this.#inbox.sink = sink
  }

  pauseBackend(): void {
    this.#lender.backend.pause('sink')
  }

  resumeBackend(): void {
    this.#lender.backend.resume('sink')
  }

  passClientCopy(): void {
    this.#lender.passClientCopy()
  }

  cancelBackend(): Promise<void> {
    return this.#lender.cancelBackend()
  }

  /** A cancel request that has come before, to a backend between two messages, is not lost: `listener` is told at once. */
  onCancel(listener: (() => void) | undefined): void {
    this.#cancelListener = listener
    if (listener === undefined || !this.#missedCancel) return
    this.#missedCancel = false
    queueMicrotask(() => this.#cancelListener === listener && listener())
  }

  /** A chunk from the backend. Returns whether it is still needed: without a sink, the messages are views of it. */
  read(chunk: Buffer): boolean {
    const isKept = this.#inbox.sink === undefined
    this.#inbox.push(chunk)
    if (isKept) return true
    this.#copyBytes += chunk.length
    if (this.#copyBytes >= BULK_BYTES && chunk.length <= GATHERED_BYTES) this.#lender.backend.gather()
    return false
  }

  /** A CancelRequest for the session was passed on. */
  cancelled(): void {
    if (this.#cancelListener) this.#cancelListener()
    else this.#missedCancel = true
  }

  /** The connection is over. */
  fail(reason: Error): void {
    this.#inbox.fail(reason)
  }

  /** Ends the loan. What the operation has not taken is the client's. */
  giveBack(): Buffer[] {
    const { backend } = this.#lender
    const rest = this.#inbox.takeRest()
    this.#cancelListener = undefined
    backend.resume('inbox')
    backend.resume('sink')
    return rest
  }
}
