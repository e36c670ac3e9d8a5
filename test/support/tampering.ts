import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { reset } from './wire-client.ts'

export const FAULTS = ['fin', 'reset', 'garbage'] as const
export type Fault = (typeof FAULTS)[number]

/** One connection that passes through. */
export interface Link {
  /** Ends it in both directions, or puts bytes that mean nothing into what its opener receives. */
  strike(fault: Fault): void
}

/** How many bytes a connection may still carry from now on, towards the server and back; all by default. */
export interface Hold {
  readonly up?: number
  readonly down?: number
}

export interface Tamperer {
  readonly port: number
  /** Open connections, the oldest first. */
  readonly links: readonly Link[]
  /** Something is held back on a connection that is open. */
  readonly isHolding: boolean
  /** Holds back what goes beyond; resolves when something is held. */
  hold(limits: Hold): Promise<void>
  /** Lets everything pass, and what was held as well. */
  release(): void
  /** Strikes the next connection as soon as it carries something. */
  strikeNext(fault: Fault): void
  close(): Promise<void>
}

const GARBAGE = Buffer.from('\x7a\0\0\0\x05garbage that no protocol knows\r\n\r\n\0', 'latin1')

/** Stands between two parties, passes on what they say, and interferes when it is told to. */
export async function startTamperer(target: () => { readonly host: string; readonly port: number }): Promise<Tamperer> {
  const links: Passage[] = []
  let limits: Hold = {}
  let onHeld = (): void => {}
  let next: Fault | undefined
  const server = createServer({ noDelay: true, allowHalfOpen: true }, client => {
    const link = new Passage(client, connect({ ...target(), noDelay: true, allowHalfOpen: true }), () => onHeld())
    link.limit(limits)
    links.push(link)
    client.on('close', () => links.splice(links.indexOf(link), 1))
    if (next === undefined) return
    const fault = next
    next = undefined
    client.once('data', () => link.strike(fault))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    links,
    get isHolding() {
      return links.some(link => link.isHolding)
    },
    hold(wanted) {
      limits = wanted
      return new Promise(resolve => {
        onHeld = resolve
        for (const link of links) link.limit(limits)
      })
    },
    release() {
      limits = {}
      onHeld = () => {}
      for (const link of links) link.limit(limits)
    },
    strikeNext(fault) {
      next = fault
    },
    async close() {
      for (const link of links) link.strike('reset')
      await new Promise(resolve => server.close(resolve))
    },
  }
}

class Passage implements Link {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #up: Valve
  readonly #down: Valve

  constructor(client: Socket, upstream: Socket, onHeld: () => void) {
    this.#client = client
    this.#upstream = upstream
    this.#up = new Valve(client, upstream, onHeld)
    this.#down = new Valve(upstream, client, onHeld)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => {})
      // A reset is passed on as one: the other side is to learn that nothing was delivered.
      socket.on('close', hadError => (hadError ? reset(other) : other.destroySoon()))
    }
  }

  get isHolding(): boolean {
    return this.#up.isHolding || this.#down.isHolding
  }

  limit({ up = Number.POSITIVE_INFINITY, down = Number.POSITIVE_INFINITY }: Hold): void {
    this.#up.limit(up)
    this.#down.limit(down)
  }

  strike(fault: Fault): void {
    if (fault === 'garbage') {
      this.#client.write(GARBAGE)
      return
    }
    for (const socket of [this.#client, this.#upstream]) {
      if (fault === 'reset') reset(socket)
      else socket.destroy()
    }
  }
}

/** One direction: passes on so many bytes, and keeps the rest. */
class Valve {
  readonly #to: Socket
  readonly #onHeld: () => void
  #left = Number.POSITIVE_INFINITY
  #kept: Buffer[] = []
  #ended = false

  constructor(from: Socket, to: Socket, onHeld: () => void) {
    this.#to = to
    this.#onHeld = onHeld
    from.on('data', chunk => {
      this.#kept.push(chunk)
      this.#flow()
    })
    from.on('end', () => {
      this.#ended = true
      this.#flow()
    })
  }

  get isHolding(): boolean {
    return this.#kept.length > 0
  }

  limit(bytes: number): void {
    this.#left = bytes
    this.#flow()
  }

  #flow(): void {
    while (this.#kept.length > 0 && this.#left > 0) {
      const chunk = this.#kept.shift() as Buffer
      const taken = Math.min(chunk.length, this.#left)
      this.#left -= taken
      this.#to.write(chunk.subarray(0, taken))
      if (taken < chunk.length) this.#kept.unshift(chunk.subarray(taken))
    }
    if (this.#ended) {
      // What is held when its sender is gone does not arrive any more.
      if (this.#kept.length > 0) reset(this.#to)
      else this.#to.end()
      this.#kept = []
    } else if (this.#kept.length > 0) this.#onHeld()
  }
}
