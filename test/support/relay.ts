import { standBetween } from './socket-server.ts'

export interface Relay {
  /** As PostgreSQL is to reach it. */
  readonly address: string
  /** Connections open now. */
  readonly open: number
  /** Connections that were opened. */
  readonly opened: number
  /** Takes connections, but passes nothing on until released. */
  hold(): void
  release(): void
  close(): Promise<void>
}

/** Passes connections on, and counts them. */
export async function startRelay(target: { readonly host: string; readonly port: number }): Promise<Relay> {
  let opened = 0
  let held: (() => void)[] | undefined
  const server = await standBetween(target, (client, upstream) => {
    opened++
    const join = () => client.pipe(upstream).pipe(client)
    if (held) held.push(join)
    else join()
  })
  return {
    address: `127.0.0.1:${server.port}`,
    get open() {
      return server.open
    },
    get opened() {
      return opened
    },
    hold() {
      held ??= []
    },
    release() {
      for (const join of held ?? []) join()
      held = undefined
    },
    close: () => server.close(),
  }
}
