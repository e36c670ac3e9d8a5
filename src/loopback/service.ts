import { randomUUID } from 'node:crypto'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../config/values.ts'
import type { Logger } from '../log.ts'
import { Calls } from '../operations/calls.ts'
import { InterruptedReads } from '../operations/interrupted-reads.ts'
import { findEncoding } from '../protocol/encodings.ts'
import type { Services } from '../services.ts'
import { Cancels } from './cancels.ts'
import { LOOPBACK_NAME } from './handshake.ts'
import { LoopbackConnection } from './loopback-connection.ts'
import { Registration } from './registration.ts'
import { type LoopbackServices, Requests } from './requests.ts'
import { endedStatements } from './statements.ts'
import { UnprovedConnections } from './unproved.ts'

/** How often the statements of open uploads are looked up, while there are any. */
const WATCH_INTERVAL_MS = 1000

/** The proxy's side of the extension's functions: their connections, and what they have under way. */
export class LoopbackService {
  readonly calls: Calls
  readonly cancels: Cancels
  readonly #services: LoopbackServices
  readonly #registration: Registration
  readonly #log: Logger
  readonly #connections = new Map<LoopbackConnection, Requests>()
  readonly #unproved = new UnprovedConnections()
  #watch: NodeJS.Timeout | undefined
  #watching = false

  constructor(services: Services, log: Logger) {
    const proxyId = randomUUID()
    this.calls = new Calls(proxyId)
    this.cancels = new Cancels(services, this.calls, log)
    this.#registration = new Registration(services, proxyId, log)
    this.#services = {
      ...services,
      get sealingKey() {
        return services.sealingKey
      },
      get serverMajorVersion() {
        return services.serverMajorVersion
      },
      calls: this.calls,
      cancels: this.cancels,
      interruptedReads: new InterruptedReads(),
      proxyId,
      whereabouts: this.#registration,
    }
    this.#log = log
  }

  /** Whether a startup packet is of one of the extension's functions. */
  static isLoopback(parameters: ReadonlyMap<string, string>): boolean {
    return parameters.get('user') === LOOPBACK_NAME && parameters.get('database') === LOOPBACK_NAME
  }

  accept(socket: net.Socket, parameters: ReadonlyMap<string, string>, log: Logger): void {
    const encoding = findEncoding(parameters.get('client_encoding') ?? 'UTF8') ?? 'UTF8'
    const requests = new Requests(this.#services, encoding, log)
    const connection = new LoopbackConnection(socket, encoding, requests, this.#unproved, log)
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
    return this.#registration.address
  }

  /** Whether the server reaches this proxy now. @throws where it cannot be asked */
  isReachable(signal: AbortSignal): Promise<boolean> {
    return this.#registration.isReachable(signal)
  }

  /** What a session was told of `in_hot_standby` when it was let in. */
  heard(inHotStandby: string | undefined): void {
    this.#registration.heard(inHotStandby)
  }

  /** Finds out how the server reaches this proxy, and lets the functions know. */
  announce(listen: Address): Promise<void> {
    return this.#registration.announce(listen)
  }

  /** Functions are to call another proxy, if there is one: what they begin here could be cut short. */
  stepBack(): void {
    this.#registration.stepBack()
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
    await this.#registration.end()
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
        this.#services.server.backend,
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
