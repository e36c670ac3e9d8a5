import type net from 'node:net'
import { TLSSocket } from 'node:tls'
import type { BackendReader } from '../connection/backend.ts'
import type { Logger } from '../log.ts'
import { copyDataHeader } from '../protocol/messages.ts'
import { type ConnectionTrace, traceConnection } from './connection-trace.ts'
import { ReadBuffer } from './read-buffer.ts'
import { ConnectionLost } from './wire.ts'

/** In which a server at full speed fills a part of what the kernel has room for, which is less for a Unix socket. */
const GATHER_MS = { tcp: 2, unix: 1 }

/** Why the backend is not read from: the client, the sink of an operation or its inbox takes no more; or see gather(). */
export type Pause = 'client' | 'sink' | 'inbox' | 'gather'

export interface BackendEvents {
  /** Returns whether somebody still needs the chunk, a view of the read buffer. */
  readonly read: (chunk: Buffer) => boolean
  readonly drain: () => void
  /** The connection is over; may be told twice. */
  readonly end: () => void
  readonly unreachable: (error: Error) => void
  readonly error: (error: Error) => void
}

/** A session's connection to its backend: what is sent there, and whether it is read from. */
export class BackendSide {
  readonly #socket: net.Socket
  readonly #pauses = new Set<Pause>()
  readonly #trace: ConnectionTrace | undefined
  #gatherMs: number | undefined

  /** Sends `first`: what the login begins, or goes on, with. */
  constructor(connect: (reader: BackendReader) => net.Socket, first: Buffer, events: BackendEvents, log: Logger) {
    const trace = traceConnection(log, 'backend')
    this.#trace = trace
    const buffer = new ReadBuffer()
    const socket = connect({
      read: chunk => {
        trace?.received.push(chunk)
        buffer.done(chunk, events.read(chunk))
        return this.#pauses.size === 0
      },
      readBuffer: () => buffer.next(),
    })
    this.#socket = socket
    let isReached = !socket.connecting
    socket.on('connect', () => {
      isReached = true
    })
    socket.on('drain', events.drain)
    socket.on('end', events.end)
    socket.on('error', error => (isReached ? events.error : events.unreachable)(error))
    socket.on('close', events.end)
    socket.write(first)
  }

  pause(reason: Pause): void {
    this.#pauses.add(reason)
    this.#socket.pause()
  }

  resume(reason: Pause): void {
    if (this.#pauses.delete(reason) && this.#pauses.size === 0) this.#socket.resume()
  }

  /**
   * Lets what comes in bulk gather for a moment. The server sends 8 kB at a time: to wake up for each takes both sides, where
   * they share a processor, more time than the rows. Not with TLS, of which one gets 16 kB at a time anyway.
   */
  gather(): void {
    if (this.#socket instanceof TLSSocket || this.#pauses.has('gather')) return
    this.#gatherMs ??= this.#socket.remoteAddress === undefined ? GATHER_MS.unix : GATHER_MS.tcp
    this.pause('gather')
    setTimeout(() => this.resume('gather'), this.#gatherMs)
  }

  /** False: wait for drained() before the next bulk. */
  send(bytes: Buffer): boolean {
    this.#trace?.sent.push(bytes)
    return this.#socket.destroyed || this.#socket.write(bytes)
  }

  sendCopyData(payload: Buffer): boolean {
    if (this.#socket.destroyed) return true
    const header = copyDataHeader(payload.length)
    this.#trace?.sent.push(header)
    this.#trace?.sent.push(payload)
    this.#socket.cork()
    this.#socket.write(header)
    const more = this.#socket.write(payload)
    this.#socket.uncork()
    return more
  }

  /** Rejects with ConnectionLost where `signal` aborts. */
  drained(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new ConnectionLost('backend'))
      if (!this.isFull) return resolve()
      const lost = (): void => {
        this.#socket.off('drain', drained)
        reject(new ConnectionLost('backend'))
      }
      const drained = (): void => {
        signal.removeEventListener('abort', lost)
        resolve()
      }
      this.#socket.once('drain', drained)
      signal.addEventListener('abort', lost, { once: true })
    })
  }

  /** It takes what it was sent more slowly than that comes. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** Bytes that were sent are still in memory, in the buffers they came in. */
  get holdsBytes(): boolean {
    return this.#socket.writableLength > 0
  }

  /** Nothing more will be sent. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
