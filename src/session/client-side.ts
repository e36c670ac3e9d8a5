import type net from 'node:net'
import { lingeringClose, lingeringCloseWhenFlushed } from '../connection/lingering-close.ts'
import type { Logger } from '../log.ts'
import { type ConnectionTrace, traceConnection } from './connection-trace.ts'
import { ReadBuffer, readClient } from './read-buffer.ts'

/** How often a half-closed client is probed. */
const PROBE_INTERVAL_MS = 1_000

export interface ClientEvents {
  /** Returns whether somebody still needs the chunk, a view of the read buffer. */
  readonly read: (chunk: Buffer) => boolean
  readonly drain: () => void
  /** The client sends no more; it may still read. */
  readonly end: () => void
  readonly close: () => void
  readonly error: (error: Error) => void
}

/** A session's connection to its client. */
export class ClientSide {
  readonly #socket: net.Socket
  readonly #buffer = new ReadBuffer()
  readonly #trace: ConnectionTrace | undefined
  #ended = false
  #probe: NodeJS.Timeout | undefined

  constructor(accepted: net.Socket, events: ClientEvents, log: Logger) {
    const trace = traceConnection(log, 'client')
    this.#trace = trace
    this.#socket = readClient(
      accepted,
      this.#buffer,
      chunk => {
        trace?.received.push(chunk)
        this.#buffer.done(chunk, events.read(chunk))
      },
      log,
    )
    this.#socket.on('drain', events.drain)
    this.#socket.on('end', () => {
      this.#ended = true
      events.end()
    })
    this.#socket.on('error', events.error)
    this.#socket.on('close', events.close)
  }

  /** It sends no more. */
  get ended(): boolean {
    return this.#ended
  }

  /** Bytes that were sent are still in memory, in the buffers they came in. */
  get holdsBytes(): boolean {
    return this.#socket.writableLength > 0
  }

  /** False: it takes no more for now. */
  send(bytes: Buffer): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true
    this.#trace?.sent.push(bytes)
    return this.#socket.write(bytes)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /**
   * A client that has closed its side may wait for its replies, or be dead. To find out, it is told now and then what `probe`
   * makes, harmless at any time: the kernel of a dead client answers with a reset, and the next write fails.
   */
  startProbing(probe: () => void): void {
    this.#probe = setInterval(probe, PROBE_INTERVAL_MS).unref()
  }

  stopProbing(): void {
    clearInterval(this.#probe)
  }

  /** Closes the connection after `last`. */
  close(last: Buffer | undefined): void {
    lingeringClose(this.#socket, last)
  }

  /** Closes the connection when the client has taken all that was sent. */
  closeWhenFlushed(): void {
    lingeringCloseWhenFlushed(this.#socket)
  }
}
