import type { SessionState } from '../activity/sessions.ts'
import type { Logger } from '../log.ts'
import { BACKEND, FRONTEND } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import { type BackendEvents, BackendSide } from './backend-side.ts'
import type { BorrowedBackend, Lender } from './borrowed-backend.ts'
import { Turn } from './busy-poll.ts'
import { type ClientEvents, ClientSide } from './client-side.ts'
import { ClientStream, type Interceptor } from './client-stream.ts'
import { backendUnreachable, INTERNAL_ERROR } from './last-words.ts'
import { Operation } from './operation.ts'
import type { Pending } from './pending.ts'
import type { SessionOptions } from './session-options.ts'
import { SessionStatus } from './session-status.ts'
import { ConnectionLost } from './wire.ts'

type State =
  | { readonly kind: 'relaying' }
  /** The client's messages wait. */
  | { readonly kind: 'operating'; readonly operation: Operation }
  /** An operation that was under way may still have to find out. */
  | { readonly kind: 'closed'; readonly why: string }

const RELAYING: State = { kind: 'relaying' }

/**
 * One client connection and its one backend connection. Bytes pass through as they come, in both directions, with
 * back-pressure; only message headers are looked at. An operation (see Wire) borrows the backend for a while.
 */
export class Session {
  readonly log: Logger
  readonly #options: Omit<SessionOptions, 'client' | 'connectBackend' | 'startupPacket'>
  readonly #client: ClientSide
  readonly #backend: BackendSide
  readonly #abort = new AbortController()
  readonly #status: SessionStatus
  readonly #turn: Turn
  readonly #lender: Lender
  #state: State = RELAYING
  #interceptor: Interceptor | undefined
  /** None on a replication connection. */
  #stream: ClientStream | undefined
  /** The session is to end with it when it is idle. */
  #lastWords: Buffer | undefined

  constructor(options: SessionOptions) {
    // The connection as it was accepted is not kept: see readClient().
    const { client, connectBackend, startupPacket, ...others } = options
    this.#options = others
    this.log = others.log
    this.#status = new SessionStatus(others.onKey, others.onError)
    this.#turn = new Turn(others.busyPoll)
    const clientEvents: ClientEvents = {
      read: chunk => this.#readClient(chunk),
      drain: () => this.#backend.resume('client'),
      end: () => this.#onClientEnd(),
      close: () => this.#finish('client'),
      error: error => this.log.debug({ err: error }, 'client connection failed'),
    }
    const backendEvents: BackendEvents = {
      read: chunk => this.#readBackend(chunk),
      drain: () => this.#regulateClient(),
      end: () => this.#onBackendEnd(),
      unreachable: error => this.#onBackendUnreachable(error),
      error: error => this.log.debug({ err: error }, 'backend connection failed'),
    }
    this.#client = new ClientSide(client, clientEvents, this.log)
    this.#backend = new BackendSide(connectBackend, startupPacket, backendEvents, this.log)
    this.#lender = {
      signal: this.signal,
      backend: this.#backend,
      pending: this.pending,
      backendPid: () => this.backendPid,
      reply: frame => this.#reply(frame),
      passToClient: bytes => this.#passToClient(bytes),
      passClientCopy: () => this.#passClientCopy(),
      cancelBackend: () => this.cancelBackend(),
    }
    this.#client.resume()
  }

  /** From now on the client's messages are looked at. Not called for replication connections: those pass as they are. */
  intercept(interceptor: Interceptor): void {
    this.#interceptor = interceptor
    this.#stream = new ClientStream(interceptor, {
      passing: code => this.pending.sent(code),
      pass: bytes => this.#toBackend(bytes),
      operate: operation => this.#operate(operation),
    })
  }

  /** Aborted when the client or the backend is gone. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#status.parameters
  }

  get pending(): Pending {
    return this.#status.pending
  }

  /** Once logged in. */
  get backendPid(): number {
    return this.#status.key?.readInt32BE(0) ?? 0
  }

  get state(): SessionState {
    return this.#isOperating ? 'active' : this.#status.state
  }

  /** No transaction and nothing under way. */
  get idle(): boolean {
    return !this.#isOperating && this.#status.isIdle
  }

  /** Ends the session with `lastWords` (an ErrorResponse) as soon as it is idle. */
  drain(lastWords: Buffer): void {
    this.#lastWords = lastWords
    this.#leaveIfDrained()
  }

  /** Ends the session and what it has under way, with `lastWords` (an ErrorResponse) if the client can still be told. */
  close(lastWords?: Buffer): void {
    if (!this.pending.quiet) void this.cancelBackend()
    const words = this.#status.atBoundary ? lastWords : undefined
    if (words) this.#status.countError({ code: BACKEND.errorResponse, bytes: words })
    this.#client.close(words)
    this.#backend.destroy()
    this.#finish('backend', 'ended by the proxy')
  }

  /** Tells the client what may stand between any two messages; unless it is in the midst of one, or slow. */
  notify(bytes: Buffer): void {
    if (this.#state.kind !== 'closed' && this.#status.atBoundary && !this.#client.holdsBytes) this.#toClient(bytes)
  }

  /** A CancelRequest for this session was passed on to the backend. */
  cancelled(): void {
    if (this.#state.kind === 'operating') this.#state.operation.cancelled()
  }

  async cancelBackend(): Promise<void> {
    if (this.#status.key) await this.#options.cancelBackend(this.#status.key)
  }

  /** See Operation. */
  quiet(): Promise<boolean> {
    return this.#operation().quiet()
  }

  /** See Operation; nobody is told once the operation is over. */
  onCancel(listener: (() => void) | undefined): void {
    if (this.#state.kind === 'operating') this.#state.operation.onCancel(listener)
  }

  /** See Operation. */
  withBackend(work: (backend: BorrowedBackend) => Promise<void>): Promise<void> {
    return this.#operation().withBackend(work)
  }

  /** Passes a message of the client on to the backend. */
  forward(bytes: Buffer): void {
    this.pending.sent(bytes[0] as number)
    this.#backend.send(bytes)
  }

  /** The one under way. @throws ConnectionLost */
  #operation(): Operation {
    if (this.#state.kind !== 'operating') throw new ConnectionLost('backend')
    return this.#state.operation
  }

  get #isOperating(): boolean {
    return this.#state.kind === 'operating'
  }

  #operate(operation: () => Promise<void>): void {
    this.#state = { kind: 'operating', operation: new Operation(this.#lender, this.#status) }
    operation()
      .catch(error => {
        if (error instanceof ConnectionLost) return
        this.log.error({ err: error }, 'operation failed')
        if (this.#state.kind === 'closed') return
        this.close(INTERNAL_ERROR)
      })
      .finally(() => this.#operated())
  }

  #operated(): void {
    if (this.#state.kind === 'closed') {
      this.#client.closeWhenFlushed()
      this.#options.onClose(this.#state.why)
      return
    }
    this.#state = RELAYING
    this.#stream?.unblock() // and perhaps the next operation begins
    this.#regulateClient()
    if (this.#client.ended && !this.#isOperating) this.#backend.end()
    this.#leaveIfDrained()
  }

  #reply(frame: Frame): void {
    if (frame.code === BACKEND.errorResponse) this.#stream?.closeCopyGate()
    this.#toClient(this.#status.told(frame.bytes))
  }

  #passClientCopy(): void {
    this.#stream?.openCopyGate()
    this.#regulateClient()
    if (this.#client.ended && this.#stream?.copyGate) this.#backend.end()
  }

  #readBackend(chunk: Buffer): boolean {
    const borrowed = this.#state.kind === 'operating' ? this.#state.operation.borrowed : undefined
    if (borrowed !== undefined) return borrowed.read(chunk)
    this.#passToClient(chunk)
    return this.#client.holdsBytes
  }

  #passToClient(chunk: Buffer): void {
    this.#toClient(this.#status.told(chunk))
    if (this.#state.kind === 'operating') this.#state.operation.answered()
    if (this.#lastWords) this.#leaveIfDrained()
  }

  #toClient(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (!this.#client.send(bytes)) this.#backend.pause('client')
    if (this.pending.quiet) this.#turn.answered()
  }

  #leaveIfDrained(): void {
    if (this.#lastWords && this.#state.kind !== 'closed' && this.idle) this.close(this.#lastWords)
  }

  #readClient(chunk: Buffer): boolean {
    if (this.#state.kind === 'closed') return false
    const stream = this.#stream
    if (stream === undefined) {
      // On a replication connection commands come one by one.
      if (chunk[0] === FRONTEND.query && this.pending.quiet) this.pending.sent(FRONTEND.query)
      this.#toBackend(chunk)
    } else {
      stream.push(chunk)
      if (stream.full) this.#client.pause()
    }
    return this.#backend.holdsBytes || stream?.keeps === true
  }

  #toBackend(bytes: Buffer): void {
    if (!this.#backend.send(bytes)) this.#client.pause()
    this.#turn.asked()
  }

  #regulateClient(): void {
    if (this.#stream?.full || this.#backend.isFull) this.#client.pause()
    else this.#client.resume()
  }

  #onClientEnd(): void {
    if (this.#state.kind === 'closed') return
    if (!this.#isOperating || this.#stream?.copyGate) this.#backend.end()
    this.#client.startProbing(() => {
      const { probe } = this.#status
      if (probe !== undefined && (this.#isOperating || this.#options.isCalling())) this.#toClient(probe)
    })
  }

  #onBackendUnreachable(error: Error): void {
    this.log.warn({ err: error }, 'backend cannot be reached')
    this.close(backendUnreachable(this.#options.backendName, error))
  }

  /** What the backend said last may still be in an operation's hands. */
  #onBackendEnd(): void {
    if (this.#state.kind === 'closed') return
    const isOperating = this.#isOperating
    this.#backend.destroy()
    this.#finish('backend')
    if (!isOperating) this.#client.closeWhenFlushed()
  }

  #finish(side: 'client' | 'backend', why?: string): void {
    if (side === 'client') this.#backend.destroy()
    const state = this.#state
    if (state.kind === 'closed') return
    const closed: State = { kind: 'closed', why: why ?? `ended by the ${this.#client.ended ? 'client' : side}` }
    this.#state = closed
    this.#turn.answered()
    this.#client.stopProbing()
    this.#interceptor?.close()
    const lost = new ConnectionLost(side)
    this.#abort.abort(lost)
    if (state.kind === 'operating') state.operation.fail(lost)
    else this.#options.onClose(closed.why)
  }
}
