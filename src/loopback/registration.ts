import { connectAdmin } from '../backend/admin.ts'
import type { Address } from '../config/values.ts'
import type { Logger } from '../log.ts'
import type { Services } from '../services.ts'
import { announceAddress, loopbackAddresses, ownHost, possibleAddresses, removeAddresses } from './address.ts'
import { type Ask, askingProxies } from './ask.ts'

const HEARTBEAT_INTERVAL_MS = 60_000

/** The addresses at which nobody proves to be a proxy: not to stay registered, for anybody could listen there. */
async function deadAmong(ask: Ask, addresses: readonly string[], signal: AbortSignal): Promise<string[]> {
  const dead: string[] = []
  for (const address of addresses) {
    if (signal.aborted) break
    if ((await ask(address, 'PING')) === undefined) dead.push(address)
  }
  return dead
}

/** A proxy's place among those that the server's functions call. */
export class Registration {
  readonly #services: Services
  readonly #proxyId: string
  readonly #log: Logger
  /** What the server may dial to reach this proxy. */
  #possible: readonly string[] = []
  #address: string | undefined
  #place: 'first' | 'last' = 'first'
  #heartbeat: NodeJS.Timeout | undefined
  /** Aborted when this proxy is about to end: others can look after the addresses. */
  readonly #leaving = new AbortController()
  /** One change at a time. */
  #work: Promise<void> = Promise.resolve()

  constructor(services: Services, proxyId: string, log: Logger) {
    this.#services = services
    this.#proxyId = proxyId
    this.#log = log
  }

  /** Where the server reaches this proxy, if it does. */
  get address(): string | undefined {
    return this.#address
  }

  isOwn(address: string): boolean {
    return this.#possible.includes(address)
  }

  /** Finds out how the server reaches this proxy, and lets the functions know. */
  async announce(listen: Address): Promise<void> {
    const { config, sealingKey } = this.#services
    // Functions may know the address from the time before a restart, and call at once.
    this.#possible = possibleAddresses(listen, config.loopback, undefined)
    const admin = await connectAdmin(config.backend)
    try {
      this.#possible = possibleAddresses(listen, config.loopback, await ownHost(admin))
      this.#address = await askingProxies(admin, sealingKey, async ask => {
        for (const address of this.#possible) {
          if ((await ask(address, 'PING'))?.[0] === this.#proxyId) return address
        }
        return undefined
      })
      if (this.#address !== undefined) await announceAddress(admin, this.#address, this.#place)
      else {
        this.#log.warn(
          { tried: this.#possible },
          'the server cannot reach this proxy: account_add, blob_get, blob_put and blob_list will fail, COPY works (see --loopback)',
        )
      }
    } finally {
      await admin.end()
    }
    this.#enqueue(() => this.#lookAfter())
    this.#heartbeat = setInterval(() => this.#enqueue(() => this.#lookAfter()), HEARTBEAT_INTERVAL_MS)
    this.#heartbeat.unref()
  }

  /** Functions are to call another proxy, if there is one. */
  stepBack(): void {
    this.#place = 'last'
    this.#leaving.abort()
    this.#enqueue(() => this.#move('last'))
  }

  /** Takes the address back. */
  async end(): Promise<void> {
    clearInterval(this.#heartbeat)
    this.#leaving.abort()
    this.#enqueue(() => this.#move('nowhere'))
    await this.#work
  }

  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch(error => {
      this.#log.warn({ err: error, address: this.#address }, 'cannot look after the loopback addresses')
    })
  }

  async #move(place: 'last' | 'nowhere'): Promise<void> {
    const address = this.#address
    if (address === undefined) return
    const admin = await connectAdmin(this.#services.config.backend)
    await announceAddress(admin, address, place).finally(() => admin.end())
  }

  /** Another proxy may have taken us for dead; and those that are, must not stay registered. */
  async #lookAfter(): Promise<void> {
    const { config, sealingKey } = this.#services
    const admin = await connectAdmin(config.backend)
    try {
      const own = this.#address
      const addresses = await loopbackAddresses(admin)
      if (own !== undefined && !addresses.includes(own)) await announceAddress(admin, own, this.#place)
      const others = addresses.filter(address => address !== own)
      const dead =
        others.length > 0
          ? await askingProxies(admin, sealingKey, ask => deadAmong(ask, others, this.#leaving.signal))
          : []
      if (dead.length > 0) {
        await removeAddresses(admin, dead)
        this.#log.warn({ addresses: dead }, 'no proxy is at these addresses any more')
      }
    } finally {
      await admin.end()
    }
    this.#log.debug('looked after the loopback addresses')
  }
}
