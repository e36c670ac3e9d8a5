import { once } from 'node:events'
import { type AddressInfo, connect, createServer, isIPv6, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Address } from '../config/values.ts'

export interface StorageFront extends Address {
  /** Without a path. */
  readonly url: string
  close(): Promise<void>
}

const TLS_HANDSHAKE_RECORD = 0x16

/**
 * One port for `http://` and `https://`. Azurite takes tokens over TLS alone, and a server of it with TLS speaks nothing
 * else, while tools and connection strings expect it at `http://127.0.0.1:10000`.
 */
export async function startStorageFront(listen: Address, azurite: Address, ca: Buffer): Promise<StorageFront> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket, other: () => Socket | undefined): void => {
    sockets.add(socket)
    socket.on('error', () => {}) // the other side sees the end
    socket.on('close', () => {
      sockets.delete(socket)
      other()?.destroy()
    })
  }
  const server = createServer({ noDelay: true }, client => {
    let upstream: Socket | undefined
    keep(client, () => upstream)
    client.once('data', first => {
      const { host, port } = azurite
      upstream = first[0] === TLS_HANDSHAKE_RECORD ? connect(port, host) : connectTls({ host, port, ca })
      keep(upstream, () => client)
      upstream.write(first)
      client.pipe(upstream).pipe(client)
    })
  })
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  const { host } = listen
  const { port } = server.address() as AddressInfo
  return {
    host,
    port,
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
