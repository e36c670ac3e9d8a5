import net from 'node:net'
import tls from 'node:tls'
import type { Logger } from '../log.ts'

/** Most sessions' messages fit, and most sessions wait: a longer buffer would be most of what one takes. */
const FIRST_BYTES = 2 * 1024
const BYTES = 64 * 1024

/** Where a socket reads to, again and again: a new buffer for each read would cost more than all else done to a message. */
export class ReadBuffer {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #bytes = FIRST_BYTES
  #isKept = false

  /** `chunk`, which was read, is dealt with; `isKept`: somebody still needs it. */
  done(chunk: Buffer, isKept: boolean): void {
    this.#isKept = isKept
    if (chunk.length >= this.#bytes) this.#bytes = BYTES // there was no room for more
  }

  /** Where the next read goes. */
  next(): Buffer {
    if (this.#isKept || this.#buffer.length < this.#bytes) this.#buffer = Buffer.allocUnsafeSlow(this.#bytes)
    this.#isKept = false
    return this.#buffer
  }
}

/** A libuv handle as a socket holds it. */
interface Handle {
  readonly useUserBuffer?: unknown
  reading: boolean
  readStop(): void
}

/**
 * Reads what a client sends, into one buffer. Node has that (`onread`) for sockets that it connects, and not for those it
 * accepts: so the connection gets another socket, by way of what Node's own modules use and its documentation leaves out.
 * Where that is not there, which `log` is told once, and with TLS, each read has a buffer of its own. Returns the socket
 * to use from now on.
 */
export function readClient(
  accepted: net.Socket,
  buffer: ReadBuffer,
  read: (chunk: Buffer) => void,
  log: Logger,
): net.Socket {
  const holder = accepted as unknown as { _handle: Handle | null }
  const handle = holder._handle
  const isSecure = accepted instanceof tls.TLSSocket
  if (!isSecure && handle && handle.useUserBuffer === undefined) warnOnce(log)
  if (isSecure || handle?.useUserBuffer === undefined) {
    return accepted.on('data', read)
  }
  const early = accepted.read() as Buffer | null
  handle.readStop()
  handle.reading = false
  holder._handle = null
  accepted.destroy() // the connection goes on without it
  const options: net.SocketConstructorOpts & net.ConnectOpts & { readonly handle: Handle } = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: () => buffer.next(),
      callback: (length, bytes) => {
        read((bytes as Buffer).subarray(0, length))
        return true // pause() and resume() regulate it
      },
    },
  }
  const socket = new net.Socket(options)
  if (early) queueMicrotask(() => read(early))
  return socket
}

let isWarned = false

function warnOnce(log: Logger): void {
  if (isWarned) return
  isWarned = true
  log.warn(
    { node: process.version },
    'clients are read from with a new buffer each time, which is slower: this Node lacks useUserBuffer',
  )
}
