import { once } from 'node:events'
import { standBetween } from './socket-server.ts'

export interface PartedStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Resolves when a request for what is behind the halt has come. */
  readonly halted: Promise<void>
  /** Such requests are passed on from now on, or their connections are cut. */
  goOn(how: 'pass' | 'cut'): void
  close(): Promise<void>
}

/** Stands before a storage service: requests for ranges of a blob that begin from `from` to `to` wait until they may go on. */
export async function startPartedStorage(
  service: { readonly host: string; readonly port: number },
  from: number,
  to: number,
): Promise<PartedStorage> {
  const gate = new EventTarget()
  let how: 'pass' | 'cut' | undefined
  let onHalted = (): void => {}
  const halted = new Promise<void>(resolve => {
    onHalted = resolve
  })
  const server = await standBetween(service, (client, upstream) => {
    upstream.pipe(client)
    client.on('data', async request => {
      const begin = Number(/^(?:x-ms-)?range: bytes=(\d+)-/im.exec(request.toString('latin1'))?.[1] ?? -1)
      if (begin >= from && begin < to) {
        onHalted()
        if (how === undefined) await once(gate, 'open')
        if (how === 'cut') return client.destroy()
      }
      upstream.write(request)
    })
  })
  return {
    endpointTemplate: `http://127.0.0.1:${server.port}/{account}`,
    halted,
    goOn(way) {
      how = way
      gate.dispatchEvent(new Event('open'))
    },
    close: () => server.close(),
  }
}
