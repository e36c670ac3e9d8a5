import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface StalledStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Resolves when a request has come in. */
  readonly requested: Promise<void>
  /** Connections open now. */
  readonly open: number
  close(): Promise<void>
}

/** A storage service that takes every request and never answers; with `head`, it says so much of an answer first. */
export async function startStalledStorage(head = ''): Promise<StalledStorage> {
  const sockets = new Set<Socket>()
  let onRequest = (): void => {}
  const requested = new Promise<void>(resolve => {
    onRequest = resolve
  })
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', () => {
      socket.write(head)
      onRequest()
    })
    socket.resume()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpointTemplate: `http://127.0.0.1:${port}/{account}`,
    requested,
    get open() {
      return sockets.size
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
