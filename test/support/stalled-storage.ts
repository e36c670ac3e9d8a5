import { serveSockets } from './socket-server.ts'

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
  let onRequest = (): void => {}
  const requested = new Promise<void>(resolve => {
    onRequest = resolve
  })
  const server = await serveSockets(client => {
    client.once('data', () => {
      client.write(head)
      onRequest()
    })
  })
  return {
    endpointTemplate: `http://127.0.0.1:${server.port}/{account}`,
    requested,
    get open() {
      return server.open
    },
    close: () => server.close(),
  }
}
