import { serialize } from 'pg-protocol'
import { BorrowedBackend, type Lender } from './borrowed-backend.ts'
import type { SessionStatus } from './session-status.ts'

const FLUSH = serialize.flush()

/** What takes the place of a message of the client's: it waits for its turn, then borrows the backend. */
export class Operation {
  readonly #lender: Lender
  readonly #status: SessionStatus
  #borrowed: BorrowedBackend | undefined
  #cancelListener: (() => void) | undefined
  /** `flushed`: a Flush for the answers that are waited for is on its way. */
  #wait: { readonly wake: () => void; flushed: boolean } | undefined

  constructor(lender: Lender, status: SessionStatus) {
    this.#lender = lender
    this.#status = status
  }

  get borrowed(): BorrowedBackend | undefined {
    return this.#borrowed
  }

  /**
   * Resolves when the backend has answered all it was sent. False: the client's next message must pass as it is, because
   * the backend skips it (up to the next Sync) or waits for CopyData, or because it is not known what was answered.
   */
  async quiet(): Promise<boolean> {
    const { pending } = this.#lender
    const flushed = pending.needsFlush
    if (flushed) this.#lender.backend.send(FLUSH)
    if (!this.#status.isSettled) {
      await new Promise<void>(wake => {
        this.#wait = { wake, flushed }
      })
    }
    this.#lender.signal.throwIfAborted()
    return !pending.skipping && !pending.copyIn && !pending.unsure
  }

  /** The backend is the operation's alone while `work` runs. Only when quiet. */
  async withBackend(work: (backend: BorrowedBackend) => Promise<void>): Promise<void> {
    this.#lender.signal.throwIfAborted()
    const borrowed = new BorrowedBackend(this.#lender)
    this.#borrowed = borrowed
    try {
      await work(borrowed)
    } finally {
      this.#borrowed = undefined
      for (const bytes of borrowed.giveBack()) this.#lender.passToClient(bytes)
    }
  }

  /**
   * The backend has answered something. A Flush makes it send replies that it would keep until a Sync. Whether one is needed
   * may change while one waits: a Sync sent in the midst of a COPY turns out to be ignored when the COPY begins.
   */
  answered(): void {
    const wait = this.#wait
    if (wait === undefined) return
    if (this.#status.isSettled) {
      this.#wait = undefined
      wait.wake()
      return
    }
    const isNeeded = this.#lender.pending.needsFlush
    if (isNeeded && !wait.flushed) this.#lender.backend.send(FLUSH)
    wait.flushed = isNeeded
  }

  /** Called when the client asks for cancellation while nothing is borrowed yet. */
  onCancel(listener: (() => void) | undefined): void {
    this.#cancelListener = listener
  }

  /** A CancelRequest for the session was passed on. */
  cancelled(): void {
    this.#cancelListener?.()
    this.#borrowed?.cancelled()
  }

  /** The session is over. */
  fail(reason: Error): void {
    this.#borrowed?.fail(reason)
    this.#wait?.wake()
  }
}
