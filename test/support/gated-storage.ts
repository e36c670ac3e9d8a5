import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface GatedStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Connections whose requests wait at the gate. */
  readonly waiting: number
  /** Lets through what waits, and all that comes. */
  open(): void
  close(): Promise<void>
}

/** Stands before a storage service, and lets no request through until it is opened. */
export async function startGatedStorage(service: {
  readonly host: string
  readonly port: number
}): Promise<GatedStorage> {
  const sockets = new Set<Socket>()
  let waiting = 0
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  const server = createServer(client => {
    const upstream = connect(service.port, service.host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.pipe(client)
    client.once('readable', async () => {
      waiting++
      client.once('close', () => waiting--)
      await opened
      client.pipe(upstream)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpointTemplate: `http://127.0.0.1:${port}/{account}`,
    get waiting() {
      return waiting
    },
    open,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
