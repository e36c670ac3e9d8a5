import { standBetween } from './socket-server.ts'

export interface FaultyStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Connections that were opened. */
  readonly connections: number
  /** Connections that it broke. */
  readonly cuts: number
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
  let connections = 0
  let cuts = 0
  const server = await standBetween(service, (client, upstream) => {
    let left = bytesUntilCut(connections++)
    client.pipe(upstream)
    upstream.on('data', chunk => {
      if (left <= 0) return
      left -= chunk.length
      if (left > 0) {
        client.write(chunk)
        return
      }
      cuts++
      client.write(chunk.subarray(0, chunk.length + left), () => void beforeCut().finally(() => client.destroy()))
    })
  })
  return {
    endpointTemplate: `http://127.0.0.1:${server.port}/{account}`,
    get connections() {
      return connections
    },
    get cuts() {
      return cuts
    },
    close: () => server.close(),
  }
}
