import type net from 'node:net'

/** Exactly `count` bytes; undefined when the connection ends or the signal aborts first. The rest stays in the socket. */
export function readExactly(socket: net.Socket, count: number, signal: AbortSignal): Promise<Buffer | undefined> {
  return new Promise(resolve => {
    const finish = (bytes: Buffer | undefined): void => {
      socket.off('readable', attempt)
      socket.off('end', end)
      socket.off('close', end)
      socket.off('error', end)
      signal.removeEventListener('abort', end)
      resolve(bytes)
    }
    const end = (): void => finish(undefined)
    const attempt = (): void => {
      // Fewer bytes than asked for come only when the client has ended its side.
      const bytes = socket.read(count) as Buffer | null
      if (bytes !== null) finish(bytes.length === count ? bytes : undefined)
    }
    socket.on('readable', attempt)
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted || socket.destroyed || socket.readableEnded) end()
    else attempt()
  })
}
