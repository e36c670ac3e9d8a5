import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Relay {
  /** As PostgreSQL is to reach it. */
  readonly address: string
  /** Connections open now. */
  readonly open: number
  /** Connections that were opened. */
  readonly opened: number
  close(): Promise<void>
}

/** Passes connections on, and counts them. */
export async function startRelay(target: { readonly host: string; readonly port: number }): Promise<Relay> {
  const clients = new Set<Socket>()
  let opened = 0
  const server = createServer({ noDelay: true }, client => {
    opened++
    const upstream = connect({ host: target.host, port: target.port, noDelay: true })
    clients.add(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.pipe(other)
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
    client.on('close', () => clients.delete(client))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    get open() {
      return clients.size
    },
    get opened() {
      return opened
    },
    async close() {
      for (const client of clients) client.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
