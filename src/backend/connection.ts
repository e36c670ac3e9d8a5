import net from 'node:net'
import type { BackendConfig } from '../config.ts'

/** CancelRequest code (protocol-message-formats.html). */
const CANCEL_REQUEST = 80877102
const KEEPALIVE_DELAY_MS = 60_000

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
  return net.connect({
    ...target(backend),
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
    onread: {
      buffer: () => reader.readBuffer(),
      callback: (length, buffer) => reader.read((buffer as Buffer).subarray(0, length)),
    },
  })
}

/** Passes a CancelRequest on; resolves when the postmaster has closed the connection, having sent the signal. */
export function sendCancelRequest(backend: BackendConfig, packet: Buffer): Promise<void> {
  return new Promise(resolve => {
    const socket = net.connect({ ...target(backend), allowHalfOpen: true }, () => socket.write(packet))
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
  })
}

/** The CancelRequest for a BackendKeyData body (process id, then a key of any length). */
export function cancelRequest(key: Buffer): Buffer {
  const packet = Buffer.alloc(8 + key.length)
  packet.writeInt32BE(packet.length, 0)
  packet.writeInt32BE(CANCEL_REQUEST, 4)
  key.copy(packet, 8)
  return packet
}
