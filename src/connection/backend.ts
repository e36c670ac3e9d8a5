import { once } from 'node:events'
import net from 'node:net'
import type { BackendConfig } from '../config/backend-url.ts'
import { STARTUP } from '../protocol/codes.ts'
import { backendTls, startTls } from './backend-tls.ts'

const KEEPALIVE_DELAY_MS = 60_000
const CANCEL_TIMEOUT_MS = 60_000
const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
} as const

const target = (backend: BackendConfig): net.NetConnectOpts =>
  backend.socketPath === undefined ? { host: backend.host, port: backend.port } : { path: backend.socketPath }

/** Takes what a backend sends. */
export interface BackendReader {
  /** `chunk` is a view of the last read buffer. Returns whether to go on reading. */
  read(chunk: Buffer): boolean
  /** Where the next read goes: the same buffer, unless somebody still needs what is in it. */
  readBuffer(): Buffer
}

/** Connects a session's backend. One buffer for all reads is much cheaper than a new one each. */
export function connectBackend(backend: BackendConfig, reader: BackendReader): net.Socket {
  const socket = net.connect({
    ...target(backend),
    ...SOCKET_OPTIONS,
    onread: {
      buffer: () => reader.readBuffer(),
      callback: (length, buffer) => reader.read((buffer as Buffer).subarray(0, length)),
    },
  })
  return readToTheEnd(socket)
}

/** Connects a session's backend with TLS, as far as `sslmode` asks for it; the caller then adds a reader. */
export async function connectBackendSecurely(backend: BackendConfig, signal: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ ...target(backend), ...SOCKET_OPTIONS })
  socket.on('error', () => {}) // told by the promise, later on by the session
  try {
    await once(socket, 'connect', { signal })
    const options = backendTls(backend)
    return options ? await startTls(socket, backend, options, signal) : socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** From now on what a connected backend sends goes to `reader`. */
export function attachReader(socket: net.Socket, reader: BackendReader): net.Socket {
  return readToTheEnd(socket).on('data', (chunk: Buffer) => void reader.read(chunk))
}

/**
 * A backend that ends says why, and what is on its way to it meets a closed connection. Node would drop what has come
 * because of a write that fails: it is the read that tells of the end.
 */
function readToTheEnd(socket: net.Socket): net.Socket {
  const { _write, _writev } = socket
  socket._write = (chunk, encoding, done) => _write.call(socket, chunk, encoding, () => done())
  socket._writev = (chunks, done) => _writev?.call(socket, chunks, () => done())
  return socket
}

/** Passes a CancelRequest on; resolves when the postmaster has closed the connection, having sent the signal. */
export async function sendCancelRequest(backend: BackendConfig, packet: Buffer): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS)
  try {
    const socket = await connectBackendSecurely(backend, signal)
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.write(packet)
    socket.resume()
    await once(socket, 'close')
  } catch {
    // Like libpq's, a cancel request is a wish: the server that cannot be reached has nothing to cancel.
  }
}

/** The CancelRequest for a BackendKeyData body (process id, then a key of any length). */
export function cancelRequest(key: Buffer): Buffer {
  const packet = Buffer.alloc(8 + key.length)
  packet.writeInt32BE(packet.length, 0)
  packet.writeInt32BE(STARTUP.cancelRequest, 4)
  key.copy(packet, 8)
  return packet
}
