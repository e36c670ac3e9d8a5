import type { Client } from 'pg'
import { connectAdmin } from '../backend/admin.ts'
import type { Address } from '../config/values.ts'
import type { Logger } from '../log.ts'
import type { Services } from '../services.ts'
import { announceAddress, loopbackAddresses, ownHost, possibleAddresses, removeAddresses } from './address.ts'
import { type Ask, askingProxies } from './ask.ts'
import type { Whereabouts } from './handshake.ts'
import { type Place, Presence } from './presence.ts'

const HEARTBEAT_INTERVAL_MS = 60_000
/** How soon a standby's promotion is noticed, or that a server that was lost is back. */
const GLANCE_INTERVAL_MS = 1000
/** As long as a function takes to try some addresses. */
const FAREWELL_MS = 20_000

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
export class Registration implements Whereabouts {
  readonly #services: Services
  readonly #proxyId: string
  readonly #log: Logger
  readonly #presence: Presence
  #listen: Address | undefined
  /** What the server may dial to reach this proxy. */
  #possible: readonly string[] = []
  /** What it has dialled. */
  #address: string | undefined
  /** The server that this is about. */
  #startedAt = ''
  #place: Place = 'first'
  #next: NodeJS.Timeout | undefined
  #isHurrying = false
  #hasFailed = false
  /** Aborted when this proxy is about to end: others can look after the addresses. */
  readonly #leaving = new AbortController()
  /** One change at a time. */
  #work: Promise<void> = Promise.resolve()

  constructor(services: Services, proxyId: string, log: Logger) {
    this.#services = services
    this.#proxyId = proxyId
    this.#log = log
    this.#presence = new Presence(services.server)
  }

  /** Where the server reaches this proxy, if it does; at a standby, where it may. */
  get address(): string | undefined {
    return this.#address ?? (this.#services.server.isStandby ? this.#possible[0] : undefined)
  }

  /** Whether the server reaches this proxy there now. @throws where it cannot be asked, or not in time */
  async isReachable(signal: AbortSignal): Promise<boolean> {
    const { address } = this
    const { server } = this.#services
    // A standby takes nothing to ask with.
    if (address === undefined || server.isStandby) return address !== undefined
    const admin = await server.connect()
    // A server that hangs answers no query, and to end the connection is to end the wait.
    const giveUp = (): void => void admin.end().catch(() => {})
    signal.addEventListener('abort', giveUp)
    try {
      signal.throwIfAborted()
      const answer = await askingProxies(admin, this.#services, ask => ask(address, 'PING'))
      return answer?.[0] === this.#proxyId
    } finally {
      signal.removeEventListener('abort', giveUp)
      await admin.end()
    }
  }

  isOwnAddress(address: string): boolean {
    return this.#possible.includes(address)
  }

  async isOwnServer(startedAt: string): Promise<boolean> {
    const isOwn = await this.#services.server.hasStartedAt(startedAt)
    if (this.#services.server.startedAt !== this.#startedAt) this.#hurry()
    return isOwn
  }

  /** A standby's functions find out for us at which of the possible addresses they reach this proxy. */
  reached(address: string): void {
    if (!this.#services.server.isStandby || this.#address !== undefined) return
    this.#address = address
    this.#enqueue(() => this.#show())
  }

  /** What a session was told by the server when it was let in: the first to hear that a standby was promoted. */
  heard(inHotStandby: string | undefined): void {
    const { isStandby, startedAt } = this.#services.server
    const isOther = inHotStandby !== undefined && (inHotStandby === 'on') !== isStandby
    if (isOther || startedAt !== this.#startedAt) this.#hurry()
  }

  /** Finds out how the server reaches this proxy, and lets the functions know. */
  async announce(listen: Address): Promise<void> {
    this.#listen = listen
    // Functions may know the address from the time before a restart, and call at once.
    this.#possible = possibleAddresses(listen, this.#services.config.loopback, undefined)
    const admin = await this.#services.server.connect()
    await this.#appear(admin).finally(() => admin.end())
    this.#hurry()
  }

  /** Functions are to call another proxy, if there is one. */
  stepBack(): void {
    this.#place = 'last'
    this.#leaving.abort()
    clearTimeout(this.#next)
    this.#enqueue(() => this.#move('last'))
  }

  /** Takes the address back. */
  async end(): Promise<void> {
    this.#leaving.abort()
    clearTimeout(this.#next)
    this.#enqueue(() => this.#move('nowhere'))
    await this.#work
  }

  #enqueue(work: () => Promise<void>): void {
    const failed = (error: unknown): void => {
      const level = this.#hasFailed ? 'debug' : 'warn'
      this.#log[level]({ err: error, address: this.#address }, 'cannot look after the loopback addresses')
      this.#hasFailed = true
    }
    this.#work = this.#work.then(work).then(() => {
      this.#hasFailed = false
    }, failed)
  }

  #hurry(): void {
    if (this.#isHurrying || this.#leaving.signal.aborted) return
    this.#isHurrying = true
    this.#enqueue(() => {
      this.#isHurrying = false
      return this.#lookAfter()
    })
    this.#work.finally(() => this.#schedule())
  }

  #schedule(): void {
    clearTimeout(this.#next)
    if (this.#leaving.signal.aborted) return
    const isSoon = this.#hasFailed || this.#services.server.isStandby
    this.#next = setTimeout(() => this.#glance(), isSoon ? GLANCE_INTERVAL_MS : HEARTBEAT_INTERVAL_MS).unref()
  }

  async #glance(): Promise<void> {
    const { server } = this.#services
    if (server.isStandby && server.hasKey && (await this.#presence.stands())) this.#schedule()
    else this.#hurry()
  }

  async #move(place: Place | 'nowhere'): Promise<void> {
    if (this.#services.server.isStandby && place !== 'nowhere') await this.#show()
    else await this.#presence.end()
    const address = this.#address
    if (this.#services.server.isStandby || address === undefined) return
    const admin = await connectAdmin(this.#services.server.backend)
    await announceAddress(admin, address, place).finally(() => admin.end())
  }

  #show(): Promise<void> {
    const addresses = this.#address === undefined ? this.#possible : [this.#address]
    return this.#presence.show(this.#services.sealingKey, addresses, this.#place)
  }

  /** Looks at the server, and has its functions find this proxy. */
  async #appear(admin: Client): Promise<void> {
    const { config, server } = this.#services
    await server.look(admin)
    this.#possible = possibleAddresses(this.#listen as Address, config.loopback, await ownHost(admin))
    const isNew = this.#startedAt !== server.startedAt
    if (isNew) {
      this.#address = undefined
      await this.#presence.end()
    }
    this.#startedAt = server.startedAt
    if (server.isStandby) {
      if (server.hasKey) await this.#show()
      return
    }
    const known = this.#address
    this.#address ??= await this.#find(admin)
    if (this.#address === undefined) {
      if (isNew) {
        this.#log.warn(
          { tried: this.#possible },
          'the server cannot reach this proxy: account_add, blob_get, blob_put and blob_list will fail, COPY works (see --loopback)',
        )
      }
    } else if (known === undefined || !(await loopbackAddresses(admin)).includes(known)) {
      // Another proxy may have taken us for dead.
      await announceAddress(admin, this.#address, this.#place)
    }
    if (this.#presence.isShown) {
      // A function that has read what is registered before goes on to look there.
      setTimeout(() => {
        if (!server.isStandby) this.#enqueue(() => this.#presence.end())
      }, FAREWELL_MS).unref()
    }
  }

  #find(admin: Client): Promise<string | undefined> {
    return askingProxies(admin, this.#services, async ask => {
      for (const address of this.#possible) {
        if ((await ask(address, 'PING'))?.[0] === this.#proxyId) return address
      }
      return undefined
    })
  }

  async #lookAfter(): Promise<void> {
    const { server } = this.#services
    const admin = await server.connect()
    try {
      await this.#appear(admin)
      await server.updateDatabases(admin)
      if (!server.isStandby) await this.#weed(admin)
    } finally {
      await admin.end()
    }
    this.#log.debug('looked after the loopback addresses')
  }

  /** Those that are dead must not stay registered. */
  async #weed(admin: Client): Promise<void> {
    const others = (await loopbackAddresses(admin)).filter(address => address !== this.#address)
    if (others.length === 0) return
    const dead = await askingProxies(admin, this.#services, ask => deadAmong(ask, others, this.#leaving.signal))
    if (dead.length === 0) return
    await removeAddresses(admin, dead)
    this.#log.warn({ addresses: dead }, 'no proxy is at these addresses any more')
  }
}
