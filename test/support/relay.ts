import type { Config } from '../../src/config/config.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { standBetween } from './socket-server.ts'

export interface Relay {
  /** As PostgreSQL is to reach it. */
  readonly address: { readonly host: string; readonly port: number }
  /** Connections open now. */
  readonly open: number
  /** Connections that were opened. */
  readonly opened: number
  /** The most that were open at a time. */
  readonly mostOpen: number
  /** Of new connections, passes the first message on (a startup packet), but no other until released. */
  hold(): void
  release(): void
  close(): Promise<void>
}

/** Passes connections on, and counts them. */
export async function startRelay(target: { readonly host: string; readonly port: number }): Promise<Relay> {
  let opened = 0
  let mostOpen = 0
  let held: (() => void)[] | undefined
  const server = await standBetween(target, (client, upstream) => {
    opened++
    mostOpen = Math.max(mostOpen, server.open)
    upstream.pipe(client)
    const pass = () => client.pipe(upstream)
    const waiting = held
    if (waiting === undefined) pass()
    else {
      client.once('data', first => {
        client.pause()
        upstream.write(first)
        if (held === waiting) waiting.push(pass)
        else pass() // it was released meanwhile
      })
    }
  })
  return {
    address: { host: '127.0.0.1', port: server.port },
    get open() {
      return server.open
    },
    get opened() {
      return opened
    },
    get mostOpen() {
      return mostOpen
    },
    hold() {
      held ??= []
    },
    release() {
      for (const pass of held ?? []) pass()
      held = undefined
    },
    close: () => server.close(),
  }
}

/** A relay before a proxy to come, and what this needs to know for the server's functions to call it there. */
export async function startLoopbackRelay(): Promise<{ relay: Relay; config: Partial<Config> }> {
  const listen = { host: '127.0.0.1', port: await freePort() }
  const relay = await startRelay(listen)
  return { relay, config: { listen, loopback: relay.address } }
}
