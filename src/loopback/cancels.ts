import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { mac } from '../credentials/mac.ts'
import type { Logger } from '../log.ts'
import type { Calls } from '../operations/calls.ts'
import type { Services } from '../services.ts'
import { loopbackAddresses, removeAddresses } from './address.ts'
import { type Ask, askDirectly, askingProxies } from './ask.ts'
import { presentAddresses } from './presence.ts'

/** What fits into one request by far. */
const MAX_BATCH = 1000

interface Cancellable {
  /** A CancelRequest for the session was passed on to the backend. */
  cancelled(): void
}

interface OpenSession {
  readonly pid: number
  readonly backend: BackendConfig
  readonly session: Cancellable
}

/**
 * Who must hear of a CancelRequest: the session's transfer and its functions, because the backend may be waiting for the
 * proxy. A load balancer may have sent it to another proxy of the server than the session.
 */
export class Cancels {
  readonly #services: Services
  readonly #calls: Calls
  readonly #log: Logger
  readonly #sessions = new Map<string, OpenSession>()
  #untold = new Set<string>()
  #round: Promise<void> = Promise.resolve()
  #nextRound: Promise<void> | undefined

  constructor(services: Services, calls: Calls, log: Logger) {
    this.#services = services
    this.#calls = calls
    this.#log = log
  }

  /** `key` is the session's BackendKeyData. */
  add(key: Buffer, backend: BackendConfig, session: Cancellable): void {
    this.#sessions.set(this.#tokenOf(key), { pid: key.readInt32BE(0), backend, session })
  }

  /** The servers that are to hear of it, which they will: that of the session, or any where it is another proxy's. */
  backendsToAsk(key: Buffer): readonly BackendConfig[] {
    const found = this.#sessions.get(this.#tokenOf(key))
    if (found === undefined) return this.#services.server.backends
    this.#calls.willCancel(found.pid)
    return [found.backend]
  }

  /** It is a session of this process. */
  has(key: Buffer): boolean {
    return this.#sessions.has(this.#tokenOf(key))
  }

  remove(key: Buffer): void {
    this.#sessions.delete(this.#tokenOf(key))
  }

  /**
   * The server was told: it has checked the key, but does not say with what result. Resolves when everybody knows, so that
   * a client that waits for that can begin its next statement.
   */
  async cancel(key: Buffer, ownAddress: string | undefined): Promise<void> {
    const token = this.#tokenOf(key)
    if (!this.cancelOwn(token)) await this.#tellOthers(token, ownAddress)
  }

  /** False: no session of this proxy. */
  cancelOwn(token: string): boolean {
    const found = this.#sessions.get(token)
    if (found === undefined) return false
    this.#calls.cancel(found.pid)
    found.session.cancelled()
    return true
  }

  /** Stands for a session's key between proxies: the server might log it, and the key itself must not be seen. */
  #tokenOf(key: Buffer): string {
    return mac(this.#services.sealingKey, 'blobgres/2 cancel', key)
  }

  /** One round at a time, for all that has come until it begins: anybody can send cancel requests, with any key. */
  #tellOthers(token: string, ownAddress: string | undefined): Promise<void> {
    this.#untold.add(token)
    this.#nextRound ??= this.#round.then(() => {
      const tokens = this.#untold
      this.#untold = new Set()
      this.#nextRound = undefined
      this.#round = this.#tell(tokens, ownAddress).catch(error => {
        this.#log.warn({ err: error }, 'cannot pass cancel requests on to other proxies')
      })
      return this.#round
    })
    return this.#nextRound
  }

  async #tell(tokens: Set<string>, ownAddress: string | undefined): Promise<void> {
    const { server, sealingKey } = this.#services
    const admin = await connectAdmin(server.backend)
    try {
      const isOther = (address: string): boolean => address !== ownAddress
      if (server.isStandby) {
        const others = (await presentAddresses(admin, sealingKey)).filter(isOther)
        await tellAll(tokens, others, askDirectly(this.#services))
        return
      }
      const others = (await loopbackAddresses(admin)).filter(isOther)
      if (others.length === 0) return
      const dead = await askingProxies(admin, this.#services, ask => tellAll(tokens, others, ask))
      if (dead.length > 0) await removeAddresses(admin, dead)
    } finally {
      await admin.end()
    }
  }
}

/** Asks one proxy after the other until all tokens are known. Resolves to the addresses at which there is none. */
async function tellAll(tokens: Set<string>, addresses: readonly string[], ask: Ask): Promise<string[]> {
  const dead: string[] = []
  for (const address of addresses) {
    for (const sessions of batches([...tokens])) {
      const known = await ask(address, 'CANCEL', { sessions })
      for (const token of known ?? []) tokens.delete(token)
      if (known === undefined) {
        dead.push(address)
        break
      }
    }
    if (tokens.size === 0) break
  }
  return dead
}

function batches(tokens: readonly string[]): string[][] {
  const count = Math.ceil(tokens.length / MAX_BATCH)
  return Array.from({ length: count }, (_, i) => tokens.slice(i * MAX_BATCH, (i + 1) * MAX_BATCH))
}
