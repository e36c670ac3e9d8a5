import type net from 'node:net'

/** How long a peer has to close its side before its socket is dropped. */
const LINGER_MS = 2_000

/**
 * Ends a connection after `last`; the peer has a moment to take it. Closing at once, with bytes unread, would reset the
 * connection and could cost the peer what was sent last: what it still sends is read and dropped.
 */
export function endSoon(socket: net.Socket, last?: Buffer): void {
  if (socket.destroyed) return
  if (last && !socket.writableEnded) socket.write(last)
  socket.end()
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

/** The same, but what was sent before may take the peer as long as it likes. */
export function endWhenTaken(socket: net.Socket): void {
  if (socket.writableFinished) endSoon(socket)
  else if (!socket.destroyed) socket.end(() => endSoon(socket))
}
