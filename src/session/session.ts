import type net from 'node:net'
import { serialize } from 'pg-protocol'
import type { BackendReader } from '../backend/connection.ts'
import { ConnectionLost, type Wire } from '../handlers/wire.ts'
import type { Logger } from '../log.ts'
import { BACKEND, FRONTEND, STATUS } from '../protocol/codes.ts'
import type { CopyDataSink, Frame } from '../protocol/frame-assembler.ts'
import { copyDataHeader, errorFields, errorResponse, parameterStatus } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { ClientStream, type Interceptor } from './client-stream.ts'
import { endSoon, endWhenTaken } from './farewell.ts'
import { FrameTracker } from './frame-tracker.ts'
import { Inbox } from './inbox.ts'
import { Pending } from './pending.ts'
import { ReadBuffer, readClient } from './read-buffer.ts'

/** How often a half-closed client is probed while an operation runs. */
const PROBE_INTERVAL_MS = 1_000

export interface SessionOptions {
  readonly client: net.Socket
  /** For the client to read when the backend cannot be reached. */
  readonly backendName: string
  readonly connectBackend: (reader: BackendReader) => net.Socket
  readonly cancelBackend: (key: Buffer) => Promise<void>
  readonly startupPacket: Buffer
  readonly log: Logger
  readonly onKey: (key: Buffer) => void
  /** Whether a function of the session's statement waits for the proxy. */
  readonly isCalling: () => boolean
  readonly onClose: () => void
}

const FLUSH = serialize.flush()

/** Why the backend's socket is not read from. */
type Pause = 'client' | 'sink' | 'inbox'

/**
 * One client connection and its one backend connection. Bytes pass through as they come, in both directions, with
 * back-pressure; only message headers are looked at. An operation (see Wire) takes the backend over for a while.
 */
export class Session implements Wire, BackendReader {
  readonly parameters = new Map<string, string>()
  readonly pending = new Pending()
  readonly log: Logger
  readonly #client: net.Socket
  readonly #backend: net.Socket
  readonly #options: SessionOptions
  readonly #abort = new AbortController()
  readonly #tracker = new FrameTracker((code, body) => this.#track(code, body))
  readonly #pauses = new Set<Pause>()
  #interceptor: Interceptor | undefined
  #stream: ClientStream | undefined
  #key: Buffer | undefined
  #clientEnded = false
  #probe: NodeJS.Timeout | undefined

  #operating = false
  /** While the backend is an operation's. */
  #inbox: Inbox | undefined
  #quietWaiter: (() => void) | undefined
  #flushed = false
  #cancelListener: (() => void) | undefined
  #lastWords: Buffer | undefined
  #backendReached = false
  #closed = false

  readonly #fromBackend = new ReadBuffer()
  readonly #fromClient = new ReadBuffer()

  constructor(options: SessionOptions) {
    this.#options = options
    this.log = options.log
    this.#client = readClient(options.client, this.#fromClient, chunk => this.#onClientData(chunk))
    this.#backend = options.connectBackend(this)
    this.#backendReached = !this.#backend.connecting
    this.#listen()
    this.#backend.write(options.startupPacket)
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

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Once logged in. */
  get backendPid(): number {
    return this.#key?.readInt32BE(0) ?? 0
  }

  /** No transaction and nothing under way. */
  get idle(): boolean {
    return !this.#operating && this.#isQuiet && this.pending.status === STATUS.idle
  }

  /** Ends the session with `lastWords` (an ErrorResponse) as soon as it is idle. */
  drain(lastWords: Buffer): void {
    this.#lastWords = lastWords
    this.#leaveIfDrained()
  }

  /** Ends the session and what it has under way, with `lastWords` (an ErrorResponse) if the client can still be told. */
  close(lastWords?: Buffer): void {
    if (!this.pending.quiet) void this.cancelBackend()
    endSoon(this.#client, this.#tracker.atBoundary ? lastWords : undefined)
    this.#backend.destroy()
    this.#finish('backend')
  }

  /** A CancelRequest for this session was passed on to the backend. */
  cancelled(): void {
    this.#cancelListener?.()
  }

  // ---- Wire -------------------------------------------------------------------------------------------------------

  next(): Promise<Frame> {
    return this.#inbox?.next() ?? Promise.reject(new Error("the backend is not the caller's"))
  }

  send(bytes: Buffer): boolean {
    return this.#closed || this.#backend.write(bytes)
  }

  sendCopyData(payload: Buffer): boolean {
    if (this.#closed) return true
    this.#backend.cork()
    this.#backend.write(copyDataHeader(payload.length))
    const more = this.#backend.write(payload)
    this.#backend.uncork()
    return more
  }

  drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new ConnectionLost('backend'))
      if (!this.#backend.writableNeedDrain) return resolve()
      const lost = (): void => {
        this.#backend.off('drain', drained)
        reject(new ConnectionLost('backend'))
      }
      const drained = (): void => {
        this.signal.removeEventListener('abort', lost)
        resolve()
      }
      this.#backend.once('drain', drained)
      this.signal.addEventListener('abort', lost, { once: true })
    })
  }

  toClient(frame: Buffer): void {
    if (this.#client.destroyed || this.#client.writableEnded) return
    if (!this.#client.write(frame)) this.#pause('client')
  }

  setCopyDataSink(sink: CopyDataSink | undefined): void {
    if (this.#inbox) this.#inbox.sink = sink
  }

  pauseBackend(): void {
    this.#pause('sink')
  }

  resumeBackend(): void {
    this.#resume('sink')
  }

  passClientCopy(): void {
    this.#stream?.openCopyGate()
    this.#regulateClient()
    if (this.#clientEnded && this.#stream?.copyGate) this.#backend.end()
  }

  async cancelBackend(): Promise<void> {
    if (this.#key) await this.#options.cancelBackend(this.#key)
  }

  onCancel(listener: (() => void) | undefined): void {
    this.#cancelListener = listener
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  /**
   * Resolves when the backend has answered all it was sent. False: the client's next message must pass as it is, because
   * the backend skips it (up to the next Sync) or waits for CopyData, or because it is not known what was answered.
   */
  async quiet(): Promise<boolean> {
    this.#flushIfNeeded()
    if (!this.#isSettled) {
      await new Promise<void>(resolve => {
        this.#quietWaiter = resolve
      })
    }
    this.#flushed = false
    if (this.#closed) throw new ConnectionLost('backend')
    return !this.pending.skipping && !this.pending.copyIn && !this.pending.unsure
  }

  /** The backend is the caller's until release(). Only when quiet. */
  seize(): void {
    this.#inbox = new Inbox(isFull => (isFull ? this.#pause('inbox') : this.#resume('inbox')))
  }

  release(): void {
    const rest = this.#inbox?.takeRest() ?? []
    this.#inbox = undefined
    this.#cancelListener = undefined
    this.#resume('inbox')
    this.#resume('sink')
    for (const bytes of rest) this.#passToClient(bytes)
  }

  /** Passes a frame on to the client and books it as a reply to the client's own messages. */
  reply(frame: Frame): void {
    if (frame.code === BACKEND.errorResponse) this.#stream?.closeCopyGate()
    this.#tracker.push(frame.bytes)
    this.toClient(frame.bytes)
  }

  /** Passes a message of the client on to the backend. */
  forward(bytes: Buffer): void {
    this.pending.sent(bytes[0] as number)
    this.send(bytes)
  }

  /**
   * Makes the backend send replies that it would keep until a Sync. Whether one is needed may change while one waits: a
   * Sync sent in the midst of a COPY turns out to be ignored when the COPY begins.
   */
  #flushIfNeeded(): void {
    const isNeeded = this.pending.needsFlush
    if (isNeeded && !this.#flushed) this.send(FLUSH)
    this.#flushed = isNeeded
  }

  get #isQuiet(): boolean {
    return this.pending.quiet && this.#tracker.atBoundary
  }

  /** There is nothing more to wait for. */
  get #isSettled(): boolean {
    return this.#isQuiet || this.pending.copyIn || this.pending.lost
  }

  #operate(operation: () => Promise<void>): void {
    this.#operating = true
    operation()
      .catch(error => {
        if (error instanceof ConnectionLost) return
        this.log.error({ err: error }, 'operation failed')
        if (this.#closed) return
        this.close(lastError('internal error of the proxy', SQLSTATE.internalError))
      })
      .finally(() => {
        this.#operating = false
        if (this.#closed) {
          endWhenTaken(this.#client)
          this.#options.onClose()
          return
        }
        this.#stream?.unblock()
        this.#regulateClient()
        if (this.#clientEnded && !this.#operating) this.#backend.end()
        this.#leaveIfDrained()
      })
  }

  // ---- backend to client ------------------------------------------------------------------------------------------

  read(chunk: Buffer): boolean {
    const inbox = this.#inbox
    if (inbox === undefined) {
      this.#passToClient(chunk)
      this.#fromBackend.keep(this.#client.writableLength > 0)
    } else {
      // With a sink nothing of the chunk is kept, else the messages are views of it.
      this.#fromBackend.keep(inbox.sink === undefined)
      inbox.push(chunk)
    }
    return this.#pauses.size === 0
  }

  readBuffer(): Buffer {
    return this.#fromBackend.next()
  }

  #passToClient(chunk: Buffer): void {
    this.#tracker.push(chunk)
    this.toClient(chunk)
    if (this.#quietWaiter) {
      if (this.#isSettled) this.#wakeQuiet()
      else this.#flushIfNeeded()
    }
    if (this.#lastWords) this.#leaveIfDrained()
  }

  #leaveIfDrained(): void {
    if (this.#lastWords && !this.#closed && this.idle) this.close(this.#lastWords)
  }

  #wakeQuiet(): void {
    const waiter = this.#quietWaiter
    this.#quietWaiter = undefined
    waiter?.()
  }

  #track(code: number, body: Buffer | undefined): void {
    if (body === undefined) {
      this.pending.received(code)
    } else if (code === BACKEND.readyForQuery) {
      this.pending.receivedReady(body[0] as number)
    } else if (code === BACKEND.parameterStatus) {
      const [name, value] = body.toString('latin1').split('\0')
      this.parameters.set(name as string, value as string)
    } else if (code === BACKEND.backendKeyData) {
      this.#key = Buffer.from(body)
      this.#options.onKey(this.#key)
    }
  }

  #pause(reason: Pause): void {
    this.#pauses.add(reason)
    this.#backend.pause()
  }

  #resume(reason: Pause): void {
    if (this.#pauses.delete(reason) && this.#pauses.size === 0) this.#backend.resume()
  }

  // ---- client to backend ------------------------------------------------------------------------------------------

  #onClientData(chunk: Buffer): void {
    if (this.#closed) return
    if (this.#stream === undefined) {
      // On a replication connection commands come one by one.
      if (chunk[0] === FRONTEND.query && this.pending.quiet) this.pending.sent(FRONTEND.query)
      this.#toBackend(chunk)
    } else {
      this.#stream.push(chunk)
      if (this.#stream.full) this.#client.pause()
    }
    this.#fromClient.keep(this.#backend.writableLength > 0 || this.#stream?.keeps === true)
  }

  #toBackend(bytes: Buffer): void {
    if (!this.#backend.write(bytes)) this.#client.pause()
  }

  #regulateClient(): void {
    if (this.#stream?.full || this.#backend.writableNeedDrain) this.#client.pause()
    else this.#client.resume()
  }

  // ---- lifetimes --------------------------------------------------------------------------------------------------

  #listen(): void {
    this.#client.on('drain', () => this.#resume('client'))
    this.#client.on('end', () => this.#onClientEnd())
    this.#client.on('error', error => this.log.debug({ err: error }, 'client connection failed'))
    this.#client.on('close', () => this.#finish('client'))
    this.#backend.on('connect', () => {
      this.#backendReached = true
    })
    this.#backend.on('drain', () => this.#regulateClient())
    this.#backend.on('end', () => this.#onBackendEnd())
    this.#backend.on('error', error => this.#onBackendError(error))
    this.#backend.on('close', () => this.#onBackendEnd())
    this.#client.resume()
  }

  /**
   * The client sends no more. It may be half closed and wait for its replies, or dead. To find out, it is told a parameter
   * again, harmless at any time: the kernel of a dead client answers with a reset, and the next write fails.
   */
  #onClientEnd(): void {
    this.#clientEnded = true
    if (this.#closed) return
    if (!this.#operating || this.#stream?.copyGate) this.#backend.end()
    this.#probe = setInterval(() => {
      const encoding = this.parameters.get('client_encoding')
      const isServed = this.#operating || this.#options.isCalling()
      if (isServed && encoding !== undefined) this.toClient(parameterStatus('client_encoding', encoding))
    }, PROBE_INTERVAL_MS).unref()
  }

  #onBackendError(error: Error): void {
    if (this.#backendReached) {
      this.log.debug({ err: error }, 'backend connection failed')
      return
    }
    this.log.warn({ err: error }, 'backend cannot be reached')
    const message = `could not connect to the PostgreSQL server at ${this.#options.backendName}`
    this.close(lastError(message, SQLSTATE.cannotConnectNow, (error as NodeJS.ErrnoException).code))
  }

  /** What the backend said last may still be in an operation's hands. */
  #onBackendEnd(): void {
    if (this.#closed) return
    this.#backend.destroy()
    this.#finish('backend')
    if (!this.#operating) endWhenTaken(this.#client)
  }

  #finish(side: 'client' | 'backend'): void {
    if (side === 'client') this.#backend.destroy()
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#probe)
    this.#interceptor?.close()
    const lost = new ConnectionLost(side)
    this.#abort.abort(lost)
    this.#inbox?.fail(lost)
    this.#wakeQuiet()
    if (!this.#operating) this.#options.onClose()
  }
}

function lastError(message: string, code: string, detail?: string): Buffer {
  return errorResponse(errorFields(new PgError({ message: `blobgres: ${message}`, code, detail }), 'FATAL'))
}
