import { EventEmitter, once } from 'node:events'
import { standBetween } from './socket-server.ts'

export interface HaltedStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Lets through what waits, and all that comes. */
  open(): void
  /** Lets through as many bytes again of each answer. */
  advance(): void
  /** From now on answers halt. */
  halt(): void
  close(): Promise<void>
}

/** Stands before a storage service: while it halts, only so many bytes come of each answer. It is open at first. */
export async function startHaltedStorage(
  service: { readonly host: string; readonly port: number },
  bytes: number,
): Promise<HaltedStorage> {
  const gate = new EventEmitter().setMaxListeners(0)
  let isOpen = true
  const server = await standBetween(service, async (client, upstream) => {
    let left = bytes
    client.on('data', () => {
      left = bytes
    })
    client.pipe(upstream)
    try {
      for await (const chunk of upstream) {
        const now = chunk.subarray(0, Math.max(0, left))
        const rest = chunk.subarray(now.length)
        left -= now.length
        client.write(now)
        for (let waiting = rest; waiting.length > 0; ) {
          if (!isOpen) await once(gate, 'open')
          const part = isOpen ? waiting : waiting.subarray(0, bytes)
          waiting = waiting.subarray(part.length)
          if (!client.write(part)) await once(client, 'drain')
        }
      }
    } catch {
      client.destroy()
    }
  })
  return {
    endpointTemplate: `http://127.0.0.1:${server.port}/{account}`,
    open() {
      isOpen = true
      gate.emit('open')
    },
    advance: () => void gate.emit('open'),
    halt() {
      isOpen = false
    },
    close: () => server.close(),
  }
}
