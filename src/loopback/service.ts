import { randomUUID } from 'node:crypto'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAdmin } from '../backend/admin.ts'
import type { Logger } from '../log.ts'
import type { Address } from '../options.ts'
import type { Services } from '../services.ts'
import { announceAddress, findLoopbackAddress, loopbackSecret } from './address.ts'
import { Calls } from './calls.ts'
import { Cancels } from './cancels.ts'
import { InterruptedReads } from './interrupted-reads.ts'
import { LOOPBACK_NAME, LoopbackConnection } from './loopback-connection.ts'
import { type LoopbackServices, Requests } from './requests.ts'
import { endedStatements } from './statements.ts'

/** How often the statements of open uploads are looked up, while there are any. */
const WATCH_INTERVAL_MS = 1000

/** The proxy's side of the extension's functions: their connections, and what they have under way. */
export class LoopbackService {
  readonly calls: Calls
  readonly cancels: Cancels
  readonly #services: LoopbackServices
  readonly #secret: string
  readonly #log: Logger
  readonly #connections = new Map<LoopbackConnection, Requests>()
  #address: string | undefined
  #steppingBack: Promise<void> | undefined
  #watch: NodeJS.Timeout | undefined
  #watching = false

  constructor(services: Services, log: Logger) {
    const proxyId = randomUUID()
    this.calls = new Calls(proxyId)
    this.cancels = new Cancels(services, this.calls, log)
    this.#services = {
      ...services,
      calls: this.calls,
      cancels: this.cancels,
      interruptedReads: new InterruptedReads(),
      proxyId,
    }
    this.#secret = loopbackSecret(services.sealingKey)
    this.#log = log
  }

  /** Whether a startup packet is of one of the extension's functions. */
  static isLoopback(parameters: ReadonlyMap<string, string>): boolean {
    return parameters.get('user') === LOOPBACK_NAME && parameters.get('database') === LOOPBACK_NAME
  }

  accept(socket: net.Socket, parameters: ReadonlyMap<string, string>, log: Logger): void {
    const encoding = parameters.get('client_encoding') ?? 'UTF8'
    const requests = new Requests(this.#services, encoding, log)
    const connection = new LoopbackConnection(socket, this.#secret, encoding, requests, log)
    this.#connections.set(connection, requests)
    this.#watch ??= setInterval(() => this.#closeAbandoned(), WATCH_INTERVAL_MS)
    socket.on('close', () => {
      this.#connections.delete(connection)
      if (this.#connections.size > 0) return
      clearInterval(this.#watch)
      this.#watch = undefined
    })
  }

  /** Where the server reaches this proxy, if it does. */
  get address(): string | undefined {
    return this.#address
  }

  /** Finds out how the server reaches this proxy, and lets the functions know. */
  async announce(listen: Address): Promise<void> {
    const { config } = this.#services
    const admin = await connectAdmin(config.backend)
    try {
      const { proxyId } = this.#services
      const { address, tried } = await findLoopbackAddress(admin, listen, config.loopback, this.#secret, proxyId)
      this.#address = address
      if (address !== undefined) await announceAddress(admin, address, 'first')
      else {
        this.#log.warn(
          { tried },
          'the server cannot reach this proxy: account_add, blob_get, blob_put and blob_list will fail, COPY works (see --loopback)',
        )
      }
    } finally {
      await admin.end()
    }
  }

  /** Functions are to call another proxy, if there is one: what they begin here could be cut short. */
  stepBack(): void {
    this.#steppingBack = this.#move('last')
  }

  /** Resolves when nothing is under way, or `timeoutMs` has passed. */
  async drain(timeoutMs: number): Promise<void> {
    const over = new AbortController()
    await Promise.race([this.calls.none(), sleep(timeoutMs, undefined, over).catch(() => {})])
    over.abort()
  }

  /** Takes the address back, and ends what is under way. */
  async close(): Promise<void> {
    clearInterval(this.#watch)
    for (const connection of this.#connections.keys()) connection.destroy()
    await this.#steppingBack
    await this.#move('nowhere')
  }

  async #move(place: 'last' | 'nowhere'): Promise<void> {
    const address = this.#address
    if (address === undefined) return
    try {
      const admin = await connectAdmin(this.#services.config.backend)
      await announceAddress(admin, address, place).finally(() => admin.end())
    } catch (error) {
      this.#log.warn({ err: error, address }, 'cannot take the loopback address back')
    }
  }

  /**
   * An upload whose statement is over without having committed it belongs to a failed one: the backend keeps such a
   * connection open until its session ends, and says nothing.
   */
  async #closeAbandoned(): Promise<void> {
    if (this.#watching) return
    this.#watching = true
    try {
      const waiting = [...this.#connections].flatMap(([connection, requests]) => {
        const origins = [...requests.uploads].filter(upload => upload.isQuiet).map(upload => upload.origin)
        return origins.length > 0 ? [{ connection, origins }] : []
      })
      if (waiting.length === 0) return
      const ended = await endedStatements(
        this.#services.config.backend,
        waiting.flatMap(({ origins }) => origins),
      )
      for (const { connection, origins } of waiting) {
        if (origins.some(origin => ended.has(origin))) connection.destroy()
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'cannot look up the statements of open uploads')
    } finally {
      this.#watching = false
    }
  }
}
