import type net from 'node:net'
import { serialize } from 'pg-protocol'
import type { Logger } from '../log.ts'
import { BACKEND, FRONTEND, HEADER_LENGTH, MAX_MESSAGE_LENGTH, STATUS } from '../protocol/codes.ts'
import { type CopyDataSink, type Frame, FrameAssembler } from '../protocol/frame-assembler.ts'
import { copyDataHeader, parameterStatus } from '../protocol/messages.ts'
import { FrameTracker } from './frame-tracker.ts'
import { Pending } from './pending.ts'
import { ConnectionLost, type Wire } from './wire.ts'

/** Client bytes kept while an operation runs, so that a client that dies is still noticed; then its socket is paused. */
const HELD_LIMIT = 1024 * 1024
/** Backend messages an operation has not taken yet. */
const INBOX_LIMIT = 1024 * 1024
/** A query text longer than this is passed through unread. */
export const QUERY_TEXT_LIMIT = 16 * 1024 * 1024

/** Looks at messages of the client that may be ours; decides whether one is passed on or an operation takes its place. */
export interface Interceptor {
  /** Must this message be seen whole? Everything else is passed on as its bytes come. */
  wants(code: number): boolean
  /** A whole message: undefined lets it pass as it is, else the operation runs in its place. */
  examine(frame: Frame): (() => Promise<void>) | undefined
  /** The session is over. */
  close(): void
}

export interface SessionOptions {
  readonly client: net.Socket
  readonly connectBackend: (onData: (chunk: Buffer) => boolean) => net.Socket
  readonly cancelBackend: (key: Buffer) => Promise<void>
  readonly startupPacket: Buffer
  readonly log: Logger
  readonly onKey: (key: Buffer) => void
  readonly onClose: () => void
}

const FLUSH = serialize.flush()

/** Why the backend's socket is not read from. */
type Pause = 'client' | 'sink' | 'inbox'

/**
 * One client connection and its one backend connection. Bytes pass through as they come, in both directions, with
 * back-pressure; only message headers are looked at. An operation (see Wire) takes the backend over for a while.
 */
export class Session implements Wire {
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
  #ready = false
  #key: Buffer | undefined

  /** Client bytes not looked at yet: a message that has not come whole, or everything while an operation runs. */
  #held: Buffer[] = []
  #heldLength = 0
  /** Bytes of a client message that are passed on unseen. */
  #clientPassing = 0
  /** The client broke framing: the backend is to judge. */
  #clientRaw = false
  #clientEnded = false
  /** The client's own CopyData passes though an operation runs. */
  #copyGate = false
  /** The message under way is the client's CopyDone or CopyFail. */
  #endsCopy = false

  #operating = false
  #assembler: FrameAssembler | undefined
  #inbox: Frame[] = []
  #inboxLength = 0
  #inboxWaiter: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | undefined
  #quietWaiter: (() => void) | undefined
  #cancelListener: (() => void) | undefined
  #farewell: Buffer | undefined
  #backendEnded = false
  #closed = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.log = options.log
    this.#client = options.client
    this.#backend = options.connectBackend(chunk => this.#onBackendData(chunk))
    this.#listen()
    this.#backend.write(options.startupPacket)
  }

  /** From now on the client's messages are looked at. Not called for replication connections: those pass as they are. */
  intercept(interceptor: Interceptor): void {
    this.#interceptor = interceptor
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get operating(): boolean {
    return this.#operating
  }

  /** No transaction and nothing under way. */
  get idle(): boolean {
    return this.#ready && !this.#operating && this.pending.quiet && this.pending.status === STATUS.idle
  }

  /** Ends the session with `farewell` (an ErrorResponse) as soon as it is idle. */
  drain(farewell: Buffer): void {
    this.#farewell = farewell
    this.#leaveIfDrained()
  }

  /** Ends the session, after `farewell` (an ErrorResponse) if given. */
  close(farewell?: Buffer): void {
    if (farewell && !this.#client.destroyed) this.#client.end(farewell)
    this.#backend.destroy()
    this.#finish('backend')
  }

  /** A CancelRequest for this session was passed on to the backend. */
  cancelled(): void {
    this.#cancelListener?.()
  }

  // ---- Wire -------------------------------------------------------------------------------------------------------

  next(): Promise<Frame> {
    const frame = this.#inbox.shift()
    if (frame !== undefined) {
      this.#inboxLength -= frame.bytes.length
      if (this.#inboxLength < INBOX_LIMIT) this.#resume('inbox')
      return Promise.resolve(frame)
    }
    if (this.#closed) return Promise.reject(new ConnectionLost('backend'))
    return new Promise((resolve, reject) => {
      this.#inboxWaiter = { resolve, reject }
    })
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
    if (this.#assembler) this.#assembler.copyDataSink = sink
    // Rows may have come in one chunk with the CopyOutResponse.
    while (sink && this.#inbox[0]?.code === BACKEND.copyData) {
      const { bytes } = this.#inbox.shift() as Frame
      this.#inboxLength -= bytes.length
      sink(bytes, HEADER_LENGTH, bytes.length)
    }
  }

  pauseBackend(): void {
    this.#pause('sink')
  }

  resumeBackend(): void {
    this.#resume('sink')
  }

  passClientCopy(): void {
    this.#copyGate = true
    this.#drainHeld()
  }

  async cancelBackend(): Promise<void> {
    if (this.#key) await this.#options.cancelBackend(this.#key)
  }

  onCancel(listener: (() => void) | undefined): void {
    this.#cancelListener = listener
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  /** Resolves when the backend has answered all it was sent (false: it skips everything up to the next Sync). */
  async quiet(): Promise<boolean> {
    if (this.pending.needsFlush) this.send(FLUSH)
    if (!this.#isQuiet) {
      await new Promise<void>(resolve => {
        this.#quietWaiter = resolve
      })
    }
    if (this.#closed) throw new ConnectionLost('backend')
    return !this.pending.skipping
  }

  /** The backend is the caller's until release(). Only when quiet. */
  seize(): void {
    this.#assembler = new FrameAssembler(frame => this.#deliver(frame))
  }

  release(): void {
    const rest = this.#assembler?.takePartial()
    const unread = this.#inbox
    this.#assembler = undefined
    this.#inbox = []
    this.#inboxLength = 0
    this.#cancelListener = undefined
    this.#resume('inbox')
    this.#resume('sink')
    for (const frame of unread) this.#passToClient(frame.bytes)
    if (rest && rest.length > 0) this.#passToClient(rest)
  }

  /** Passes a frame on to the client and books it as a reply to the client's own messages. */
  reply(frame: Frame): void {
    this.#tracker.push(frame.bytes)
    this.toClient(frame.bytes)
  }

  /** Passes a message of the client on to the backend. */
  forward(bytes: Buffer): void {
    this.pending.sent(bytes[0] as number)
    this.send(bytes)
  }

  get #isQuiet(): boolean {
    return this.#ready && this.pending.quiet && this.#tracker.atBoundary
  }

  #operate(operation: () => Promise<void>): void {
    this.#operating = true
    operation()
      .catch(error => {
        if (!(error instanceof ConnectionLost)) this.log.error({ err: error }, 'operation failed')
        if (!this.#closed) this.close()
      })
      .finally(() => {
        this.#operating = false
        this.#copyGate = false
        if (this.#backendEnded) this.#client.end()
        this.#drainHeld()
        if (this.#clientEnded && !this.#operating) this.#backend.end()
        this.#leaveIfDrained()
      })
  }

  #deliver(frame: Frame): void {
    const waiter = this.#inboxWaiter
    if (waiter) {
      this.#inboxWaiter = undefined
      waiter.resolve(frame)
      return
    }
    this.#inbox.push(frame)
    this.#inboxLength += frame.bytes.length
    if (this.#inboxLength >= INBOX_LIMIT) this.#pause('inbox')
  }

  // ---- backend to client ------------------------------------------------------------------------------------------

  /** Returns whether to go on reading. */
  #onBackendData(chunk: Buffer): boolean {
    const assembler = this.#assembler
    if (assembler === undefined) this.#passToClient(chunk)
    else {
      // An asynchronous message may have been under way when the operation began.
      const rest = this.#tracker.atBoundary ? 0 : this.#tracker.remainderIn(chunk)
      if (rest > 0) this.#passToClient(chunk.subarray(0, rest))
      if (rest < chunk.length) assembler.push(rest > 0 ? chunk.subarray(rest) : chunk)
    }
    return this.#pauses.size === 0
  }

  #passToClient(chunk: Buffer): void {
    this.#tracker.push(chunk)
    this.toClient(chunk)
    if (this.#quietWaiter && this.#isQuiet) this.#wakeQuiet()
    if (this.#farewell) this.#leaveIfDrained()
  }

  #leaveIfDrained(): void {
    if (this.#farewell && this.idle) this.close(this.#farewell)
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
      this.#ready = true
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
    if (this.#blocked || this.#heldLength > 0) {
      this.#hold(chunk)
      if (!this.#blocked) this.#drainHeld()
    } else this.#examine(chunk)
  }

  /** The client's messages wait for an operation. */
  get #blocked(): boolean {
    return this.#operating && !this.#copyGate
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#heldLength += chunk.length
    if (this.#blocked && this.#heldLength > HELD_LIMIT) this.#client.pause()
  }

  #drainHeld(): void {
    if (this.#blocked || this.#heldLength === 0) return
    // A long message that is still coming is joined once, when it is complete.
    const wanted = this.#wantedLength()
    if (this.#heldLength < wanted) return
    const held = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
    this.#held = []
    this.#heldLength = 0
    this.#examine(held)
    if (!this.#blocked && !this.#backend.writableNeedDrain) this.#client.resume()
  }

  #wantedLength(): number {
    if (this.#clientPassing > 0 || this.#clientRaw) return 0
    if (this.#heldLength < HEADER_LENGTH) return HEADER_LENGTH
    let head = this.#held[0] as Buffer
    if (head.length < HEADER_LENGTH) {
      head = Buffer.concat(this.#held)
      this.#held = [head]
    }
    const code = head[0] as number
    return this.#mustSeeWhole(code, head.readUInt32BE(1)) ? head.readUInt32BE(1) + 1 : HEADER_LENGTH
  }

  #mustSeeWhole(code: number, length: number): boolean {
    return this.#ready && this.#interceptor?.wants(code) === true && length >= 4 && length <= QUERY_TEXT_LIMIT
  }

  /** Walks the client's messages; passes on what is not ours in as few writes as the chunk allows. */
  #examine(chunk: Buffer): void {
    if (this.#interceptor === undefined || this.#clientRaw) {
      this.#toBackend(chunk)
      return
    }
    let passed = 0
    let offset = 0
    while (offset < chunk.length) {
      if (this.#clientPassing > 0) {
        const taken = Math.min(this.#clientPassing, chunk.length - offset)
        this.#clientPassing -= taken
        offset += taken
        if (this.#clientPassing === 0 && this.#endsCopy) this.#copyGate = false
        if (this.#blocked) break
        continue
      }
      if (chunk.length - offset < HEADER_LENGTH) break
      const code = chunk[offset] as number
      const length = chunk.readUInt32BE(offset + 1)
      if (length < 4 || length > MAX_MESSAGE_LENGTH) {
        this.#clientRaw = true
        offset = chunk.length
        break
      }
      const end = offset + length + 1
      if (this.#mustSeeWhole(code, length) && !this.#copyGate) {
        if (end > chunk.length) break
        const operation = this.#interceptor.examine({ code, bytes: chunk.subarray(offset, end) })
        if (operation) {
          if (offset > passed) this.#toBackend(chunk.subarray(passed, offset))
          if (end < chunk.length) this.#hold(chunk.subarray(end))
          this.#operate(operation)
          return
        }
      }
      this.pending.sent(code)
      this.#endsCopy = code === FRONTEND.copyDone || code === FRONTEND.copyFail
      this.#clientPassing = length + 1
    }
    if (offset > passed) {
      this.#toBackend(passed === 0 && offset === chunk.length ? chunk : chunk.subarray(passed, offset))
      passed = offset
    }
    if (passed < chunk.length) {
      const rest = chunk.subarray(passed)
      this.#held.unshift(rest)
      this.#heldLength += rest.length
    }
  }

  #toBackend(bytes: Buffer): void {
    if (this.#backend.write(bytes) || this.#client.isPaused()) return
    this.#client.pause()
    this.#backend.once('drain', () => {
      if (this.#heldLength <= HELD_LIMIT) this.#client.resume()
    })
  }

  // ---- lifetimes --------------------------------------------------------------------------------------------------

  #listen(): void {
    this.#client.on('data', chunk => this.#onClientData(chunk))
    this.#client.on('drain', () => this.#resume('client'))
    this.#client.on('end', () => this.#onClientEnd())
    this.#client.on('error', error => this.log.debug({ err: error }, 'client connection failed'))
    this.#client.on('close', () => this.#finish('client'))
    this.#backend.on('end', () => this.#onBackendEnd())
    this.#backend.on('error', error => this.log.debug({ err: error }, 'backend connection failed'))
    this.#backend.on('close', () => this.#onBackendEnd())
    this.#client.resume()
  }

  /**
   * The client sends no more. It may be half closed and wait for its replies, or dead: a parameter told again, harmless
   * at any time, makes the kernel of a dead one answer with a reset.
   */
  #onClientEnd(): void {
    this.#clientEnded = true
    if (!this.#operating) this.#backend.end()
    else {
      const encoding = this.parameters.get('client_encoding')
      if (encoding !== undefined) this.toClient(parameterStatus('client_encoding', encoding))
    }
  }

  /** What the backend said last may still be in an operation's hands. */
  #onBackendEnd(): void {
    this.#backendEnded = true
    if (!this.#operating) this.#client.end()
    this.#finish('backend')
  }

  #finish(side: 'client' | 'backend'): void {
    if (side === 'client') this.#backend.destroy()
    if (this.#closed) return
    this.#closed = true
    this.#interceptor?.close()
    this.#abort.abort(new ConnectionLost(side))
    this.#inboxWaiter?.reject(new ConnectionLost(side))
    this.#inboxWaiter = undefined
    this.#wakeQuiet()
    this.#options.onClose()
  }
}
