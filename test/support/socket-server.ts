import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SocketServer {
  readonly port: number
  /** Connections open now. */
  readonly open: number
  /** Destroys those that are open, too. */
  close(): Promise<void>
}

/** Takes connections on 127.0.0.1. */
export async function serveSockets(onConnection: (client: Socket) => void): Promise<SocketServer> {
  const clients = new Set<Socket>()
  const server = createServer({ noDelay: true }, client => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
    onConnection(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return clients.size
    },
    async close() {
      for (const client of clients) client.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Connects each client with the service; neither end outlives the other. `join` passes on what they say. */
export function standBetween(
  service: { readonly host: string; readonly port: number },
  join: (client: Socket, upstream: Socket) => void,
): Promise<SocketServer> {
  return serveSockets(client => {
    const upstream = connect({ host: service.host, port: service.port, noDelay: true })
    upstream.on('error', () => {})
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
    join(client, upstream)
  })
}
