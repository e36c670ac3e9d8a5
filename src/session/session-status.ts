import type { SessionState } from '../activity/sessions.ts'
import { BACKEND, STATUS } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { parameterStatus, readErrorFields } from '../protocol/messages.ts'
import { hintFileError } from './file-error-hint.ts'
import { FrameTracker } from './frame-tracker.ts'
import { withoutOwnContext } from './own-context.ts'
import { Pending } from './pending.ts'

const STATES: ReadonlyMap<number, SessionState> = new Map([
  [STATUS.inTransaction, 'idle in transaction'],
  [STATUS.failed, 'idle in transaction (aborted)'],
])

/** What is known of a session by the messages of its backend, and by what the backend still owes. */
export class SessionStatus {
  /** As ParameterStatus has told them, in the bytes of the client's encoding. */
  readonly parameters = new Map<string, string>()
  readonly pending = new Pending()
  readonly #tracker = new FrameTracker({
    message: (code, body) => this.#take(code, body),
    edit: report => this.#edit(report),
  })
  readonly #onKey: (key: Buffer) => void
  readonly #onError: (sqlstate: string) => void
  #key: Buffer | undefined

  /** `onKey` is called when the session is logged in, `onError` when its client is told of an error. */
  constructor(onKey: (key: Buffer) => void, onError: (sqlstate: string) => void) {
    this.#onKey = onKey
    this.#onError = onError
  }

  /** Bytes of the backend for the client: returns those that go there now. */
  told(bytes: Buffer): Buffer {
    return this.#tracker.push(bytes)
  }

  /** The body of BackendKeyData, once logged in. */
  get key(): Buffer | undefined {
    return this.#key
  }

  /** An ErrorResponse goes to the client, past told(). */
  countError(error: Frame): void {
    this.#onError(readErrorFields(frameBody(error)).get('C')?.toString('latin1') ?? '')
  }

  /** The client has the last message whole. */
  get atBoundary(): boolean {
    return this.#tracker.atBoundary
  }

  /** The backend has answered all it was sent. */
  get isQuiet(): boolean {
    return this.pending.quiet && this.#tracker.atBoundary
  }

  /** There is nothing more to wait for. */
  get isSettled(): boolean {
    return this.isQuiet || this.pending.copyIn || this.pending.lost
  }

  /** No transaction and nothing under way. */
  get isIdle(): boolean {
    return this.isQuiet && this.pending.status === STATUS.idle
  }

  get state(): SessionState {
    if (this.#key === undefined) return 'starting'
    if (!this.isQuiet) return 'active'
    return STATES.get(this.pending.status) ?? 'idle'
  }

  /** Tells the client what it knows already: whether it can be sent shows if the client is still there. */
  get probe(): Buffer | undefined {
    const encoding = this.parameters.get('client_encoding')
    return encoding === undefined ? undefined : parameterStatus('client_encoding', encoding)
  }

  /** An error or notice, as the client gets it. */
  #edit(report: Frame): Buffer {
    if (report.code === BACKEND.errorResponse) this.countError(report)
    return withoutOwnContext(hintFileError(report))
  }

  #take(code: number, body: Buffer | undefined): void {
    if (body === undefined) {
      this.pending.received(code)
    } else if (code === BACKEND.readyForQuery) {
      this.pending.receivedReady(body[0] as number)
    } else if (code === BACKEND.parameterStatus) {
      const [name, value] = body.toString('latin1').split('\0')
      this.parameters.set(name as string, value as string)
    } else if (code === BACKEND.backendKeyData) {
      this.#key = Buffer.from(body)
      this.#onKey(this.#key)
    }
  }
}
