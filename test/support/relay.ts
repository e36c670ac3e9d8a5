import { standBetween } from './socket-server.ts'

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
  let opened = 0
  const server = await standBetween(target, (client, upstream) => {
    opened++
    client.pipe(upstream).pipe(client)
  })
  return {
    address: `127.0.0.1:${server.port}`,
    get open() {
      return server.open
    },
    get opened() {
      return opened
    },
    close: () => server.close(),
  }
}
