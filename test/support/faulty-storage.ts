import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface FaultyStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Connections that were opened. */
  readonly connections: number
  close(): Promise<void>
}

/**
 * Stands before a storage service and breaks the n-th connection (from 0) after so many bytes of answers.
 * Before it breaks one, it calls `beforeCut`.
 */
export async function startFaultyStorage(
  service: { readonly host: string; readonly port: number },
  bytesUntilCut: (connection: number) => number,
  beforeCut: () => Promise<unknown> = async () => {},
): Promise<FaultyStorage> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer(client => {
    const upstream = connect(service.port, service.host)
    let left = bytesUntilCut(connections++)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.on('data', chunk => {
      if (left <= 0) return
      left -= chunk.length
      if (left > 0) client.write(chunk)
      else client.write(chunk.subarray(0, chunk.length + left), () => void beforeCut().finally(() => client.destroy()))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpointTemplate: `http://127.0.0.1:${port}/{account}`,
    get connections() {
      return connections
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
