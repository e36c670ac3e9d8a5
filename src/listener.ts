import type net from 'node:net'
import type tls from 'node:tls'
import { ToldErrors } from './activity/told-errors.ts'
import { AdminInterceptor, NO_ADMIN } from './admin/admin-interceptor.ts'
import { AdminDatabaseName } from './admin/database-name.ts'
import type { BackendConfig } from './config/backend-url.ts'
import {
  attachReader,
  type BackendReader,
  cancelRequest,
  connectBackend,
  sendCancelRequest,
} from './connection/backend.ts'
import { backendTls } from './connection/backend-tls.ts'
import { lingeringClose } from './connection/lingering-close.ts'
import { logInSecurely } from './connection/secure-login.ts'
import {
  addParameter,
  isReplication,
  readStartupRequest,
  type StartupRequest,
  withDatabase,
} from './connection/startup.ts'
import { checkStartupSettings } from './connection/startup-settings.ts'
import type { Logger } from './log.ts'
import { liveSession } from './loopback/live-session.ts'
import { LoopbackService } from './loopback/service.ts'
import { fatalError } from './protocol/messages.ts'
import { PgError, ProtocolError } from './protocol/pg-error.ts'
import { SQLSTATE } from './protocol/sqlstate.ts'
import type { Services } from './services.ts'
import { BusyPoll } from './session/busy-poll.ts'
import { Session } from './session/session.ts'
import { StatementInterceptor } from './statements/intercept.ts'

/** PostgreSQL's authentication_timeout. */
const STARTUP_TIMEOUT_MS = 60_000

/** NAMEDATALEN of PostgreSQL, less its end. */
const MAX_NAME_CHARS = 63

/** Settings of the session; see azure_storage_private.loopback_connection() and authorized(). */
const OWN_ADDRESS = 'azure_storage.proxy'
const SESSION_NAME = 'azure_storage.session'

const SHUTTING_DOWN = new PgError({
  message: 'blobgres: the proxy is shutting down',
  code: SQLSTATE.cannotConnectNow,
})

/** `isAdmin`: it is for the proxy itself; the packet asks for a database in which the server lets its client in. */
type SessionRequest = StartupRequest & { readonly kind: 'startup'; readonly isAdmin?: boolean }

/** Takes client connections from their first byte to their session, and knows the sessions there are. */
export class Listener {
  readonly #services: Services
  readonly #secureContext: tls.SecureContext | undefined
  readonly #loopback: LoopbackService
  readonly #log: Logger
  readonly #adminName: AdminDatabaseName
  readonly #busyPoll: BusyPoll
  readonly #starting = new Set<net.Socket>()
  readonly #sessions = new Set<Session>()
  #draining = false
  /** Told when a connection has ended, or may have. */
  onEnded: (() => void) | undefined
  #drained: (() => void) | undefined

  constructor(
    services: Services,
    secureContext: tls.SecureContext | undefined,
    loopback: LoopbackService,
    log: Logger,
  ) {
    this.#services = services
    this.#adminName = new AdminDatabaseName(services.server)
    this.#busyPoll = new BusyPoll(services.config)
    this.#secureContext = secureContext
    this.#loopback = loopback
    this.#log = log
  }

  /** How many clients there are, those that log in or ask for a cancel among them. */
  get load(): number {
    return this.#starting.size + this.#sessions.size
  }

  accept(socket: net.Socket): void {
    const id = this.#services.sessionNumbers.next()
    const log = this.#log.child({ session: id, client: addressOf(socket) })
    log.debug('accepted')
    this.#starting.add(socket)
    socket.on('error', error => log.debug({ err: error }, 'client connection failed'))
    socket.on('close', () => {
      this.#starting.delete(socket)
      this.onEnded?.()
    })
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), STARTUP_TIMEOUT_MS)
    readStartupRequest(socket, this.#secureContext, deadline.signal)
      .then(request => this.#start(request, socket, id, log, deadline.signal))
      .catch(error => {
        log.info({ err: error }, 'connection refused')
        if (error instanceof ProtocolError) this.#refuse(socket, new PgError(error))
        else socket.destroy()
      })
      .finally(() => clearTimeout(timer))
  }

  /**
   * Refuses logins from now on; cancel requests and the functions' connections go on. Ends idle sessions now, the others
   * when they are idle or `timeoutMs` has passed.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    const last = fatalError({
      message: 'terminating connection due to administrator command',
      code: SQLSTATE.adminShutdown,
    })
    for (const session of this.#sessions) session.drain(last)
    if (this.#sessions.size === 0) return
    const drained = new Promise<void>(resolve => {
      this.#drained = resolve
    })
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.close(last)
    }, timeoutMs)
    await drained
    clearTimeout(timer)
  }

  /** Drops the connections that have not become sessions. */
  close(): void {
    for (const socket of this.#starting) socket.destroy()
  }

  async #start(
    request: StartupRequest | undefined,
    accepted: net.Socket,
    id: number,
    log: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    if (request === undefined) {
      accepted.destroy()
      return
    }
    if (request.kind === 'cancel') {
      const { packet } = request
      await this.#cancel(packet.subarray(8, packet.readInt32BE(0)))
      request.socket.destroy()
      return
    }
    const wrong = checkStartupSettings(request.parameters)
    if (LoopbackService.isLoopback(request.parameters)) this.#loopback.accept(request.socket, request.parameters, log)
    else if (this.#draining) this.#refuse(request.socket, SHUTTING_DOWN)
    else if (wrong) this.#refuse(request.socket, new PgError(wrong))
    else await this.#logIn(await this.#asAdmin(request), id, log, signal)
    this.#starting.delete(accepted)
  }

  async #asAdmin(request: SessionRequest): Promise<SessionRequest> {
    const { packet, parameters } = request
    if (isReplication(parameters) || !(await this.#adminName.isMeant(parameters.get('database')))) return request
    return { ...request, packet: withDatabase(packet, this.#services.server.backend.database), isAdmin: true }
  }

  async #logIn(request: SessionRequest, id: number, log: Logger, signal: AbortSignal): Promise<void> {
    const { config, server } = this.#services
    const { socket } = request
    const name = this.#loopback.calls.nameSession(id)
    const packet = this.#withSettings(request, name)
    const { backend } = server
    if (backendTls(backend) === undefined && server.backends.length === 1) {
      this.#open(request, id, name, packet, backend, reader => connectBackend(backend, reader), log)
      return
    }
    try {
      const login = await logInSecurely(server, config, socket, packet, log, signal)
      if (login === undefined) return
      const { server: chosen, backend, next } = login
      if (this.#draining) {
        backend.destroy()
        this.#refuse(socket, SHUTTING_DOWN)
      } else this.#open(request, id, name, next, chosen, reader => attachReader(backend, reader), log)
    } catch (error) {
      if (!(error instanceof PgError)) throw error
      log.info({ err: error }, 'login refused')
      this.#refuse(socket, error)
    }
  }

  /** So that the session's functions call this proxy, which is the one that hears when the session is over. */
  #withSettings({ packet, parameters }: SessionRequest, name: string): Buffer {
    const { address } = this.#loopback
    if (address === undefined || isReplication(parameters)) return packet
    return addParameter(addParameter(packet, OWN_ADDRESS, address), SESSION_NAME, name)
  }

  #open(
    { socket: client, parameters, isAdmin }: SessionRequest,
    id: number,
    name: string,
    startupPacket: Buffer,
    backend: BackendConfig,
    connectBackend: (reader: BackendReader) => net.Socket,
    log: Logger,
  ): void {
    const user = parameters.get('user') ?? ''
    const database = parameters.get('database') || user
    let key: Buffer | undefined
    const began = performance.now()
    const { calls, cancels } = this.#loopback
    calls.sessionOpened(name)
    const errors = new ToldErrors()
    const session: Session = new Session({
      client,
      startupPacket,
      log,
      busyPoll: this.#busyPoll,
      backendName: backend.socketPath ?? `${backend.host}:${backend.port}`,
      connectBackend,
      cancelBackend: key => sendCancelRequest(backend, cancelRequest(key)),
      onKey: received => {
        key = received
        cancels.add(key, backend, session)
        if (isAdmin && session.parameters.get('is_superuser') !== 'on') session.close(fatalError(NO_ADMIN))
        this.#loopback.heard(session.parameters.get('in_hot_standby'))
        log.setBindings({ backend: session.backendPid })
        log.debug({ user, database }, 'login complete')
      },
      onError: sqlstate => {
        errors.tell(sqlstate)
        this.#services.occurrences.emit('clientTold', sqlstate)
      },
      isCalling: () => calls.has(session.backendPid),
      onClose: why => {
        log.debug({ why, ms: Math.round(performance.now() - began) }, 'closed')
        if (key === undefined) log.info('login not completed: refused by the server, or given up by the client')
        this.#sessions.delete(session)
        this.#services.sessions.remove(id)
        errors.end()
        calls.sessionClosed(name, session.backendPid)
        if (key !== undefined) cancels.remove(key)
        this.onEnded?.()
        if (this.#sessions.size === 0) this.#drained?.()
      },
    })
    this.#sessions.add(session)
    const facts = { id, user: shown(user), database: shown(database), client: addressOf(client), since: new Date() }
    this.#services.sessions.add(liveSession(facts, session, errors, calls))
    if (isReplication(parameters)) return
    session.intercept(
      isAdmin
        ? new AdminInterceptor(session, this.#services)
        : new StatementInterceptor(session, this.#services, { id, user, database, backend }),
    )
  }

  /** Where stock PostgreSQL says something before it hangs up, so do we. */
  #refuse(socket: net.Socket, error: PgError): void {
    this.#services.occurrences.emit('clientTold', error.code)
    lingeringClose(socket, fatalError(error))
  }

  /** Does what a CancelRequest with this key asks for. False: the session is none of this process. */
  async cancelOwn(key: Buffer): Promise<boolean> {
    const { cancels } = this.#loopback
    if (!cancels.has(key)) return false
    await this.#askToCancel(key)
    await cancels.cancel(key, this.#loopback.address)
    return true
  }

  async #cancel(key: Buffer): Promise<void> {
    if (await this.cancelOwn(key)) return
    if (await this.#services.siblings?.cancel(key)) return
    await this.#askToCancel(key)
    await this.#loopback.cancels.cancel(key, this.#loopback.address)
  }

  async #askToCancel(key: Buffer): Promise<void> {
    const backends = this.#loopback.cancels.backendsToAsk(key)
    await Promise.all(backends.map(backend => sendCancelRequest(backend, cancelRequest(key))))
  }
}

/** The server has no longer names; what is shown of a session is there before the server has seen them. */
const shown = (name: string): string => name.slice(0, MAX_NAME_CHARS)

const addressOf = ({ remoteAddress, remotePort }: net.Socket): string => `${remoteAddress}:${remotePort}`
