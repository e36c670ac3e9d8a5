import type net from 'node:net'
import { TLSSocket } from 'node:tls'

/** How long a peer has to close its side before its socket is dropped. */
const LINGER_MS = 2_000
/** How long a TLS client that sends no more may take nothing. */
const UNTAKEN_MS = 5_000

/**
 * Ends a connection after `last`; the peer has a moment to take it. Closing at once, with bytes unread, would reset the
 * connection and could cost the peer what was sent last: what it still sends is read and dropped ("lingering close").
 */
export function lingeringClose(socket: net.Socket, last?: Buffer): void {
  if (socket.destroyed) return
  if (last && !socket.writableEnded) socket.write(last)
  socket.end()
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

/** The same, but what was sent before may take the peer as long as it likes. */
export function lingeringCloseWhenFlushed(socket: net.Socket): void {
  if (socket.writableFinished) lingeringClose(socket)
  else if (!socket.destroyed) {
    // Node shows a TLS connection that was reset as one that the client has ended, with writes that neither fail nor finish.
    if (socket instanceof TLSSocket && socket.readableEnded) socket.setTimeout(UNTAKEN_MS, () => socket.destroy())
    socket.end(() => lingeringClose(socket))
  }
}
