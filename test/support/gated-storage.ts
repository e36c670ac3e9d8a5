import { standBetween } from './socket-server.ts'

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
  let waiting = 0
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  const server = await standBetween(service, (client, upstream) => {
    upstream.pipe(client)
    client.once('readable', async () => {
      waiting++
      client.once('close', () => waiting--)
      await opened
      client.pipe(upstream)
    })
  })
  return {
    endpointTemplate: `http://127.0.0.1:${server.port}/{account}`,
    get waiting() {
      return waiting
    },
    open,
    close: () => server.close(),
  }
}
