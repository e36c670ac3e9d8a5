import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { standBetween } from './socket-server.ts'

/** Stands before a storage service, and passes on no more than so many bytes a second of each connection. */
export async function startThrottledStorage(
  service: { readonly host: string; readonly port: number },
  bytesPerSecond: { readonly up: number; readonly down: number },
): Promise<{ readonly endpointTemplate: string; close(): Promise<void> }> {
  const pass = async (from: Socket, to: Socket, way: 'up' | 'down'): Promise<void> => {
    try {
      for await (const chunk of from) {
        if (!to.write(chunk)) await once(to, 'drain')
        await sleep((chunk.length * 1000) / bytesPerSecond[way])
      }
    } catch {
      // One of them is gone, and with it the other.
    }
    to.destroy()
  }
  const server = await standBetween(service, (client, upstream) => {
    void pass(client, upstream, 'up')
    void pass(upstream, client, 'down')
  })
  return { endpointTemplate: `http://127.0.0.1:${server.port}/{account}`, close: () => server.close() }
}
