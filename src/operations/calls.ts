import { PgError, queryCanceled } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Which statement of which backend a request belongs to. */
export interface CallOrigin {
  readonly pid: number
  /** The name of the session, if it came through a proxy: see Calls.nameSession(). */
  readonly session: string | undefined
  /** statement_timestamp() in microseconds since 1970, as text. */
  readonly statement: string
  /**
   * statement_timeout in milliseconds, 0 for none. For each call anew: it may have been set in the middle of a statement,
   * such as a procedure with many jobs, whose time so far must not count.
   */
  readonly timeoutMs: number
  /** Who has logged in. */
  readonly user: string
  readonly database: string
  readonly blockSizeMb: number
  /** Whether the session wants notices of progress; undefined: it has not said so. */
  readonly progress?: boolean | undefined
}

/** Work done for a statement. It must end when that does; the backend cannot see to it while it waits for us. */
export interface Call {
  readonly origin: CallOrigin
  /** Aborted with the PgError that the statement is to fail with. */
  readonly signal: AbortSignal
  /** The backend is asked to cancel: if it hangs up now, that is why. */
  readonly isBeingCancelled: boolean
  end(): void
}

/** As far as it is known. */
export const whyEnded = ({ signal, isBeingCancelled }: Call): unknown =>
  signal.reason ?? (isBeingCancelled ? queryCanceled('user request') : undefined)

interface OpenCall extends Call {
  isBeingCancelled: boolean
  abort(reason: PgError): void
}

/** The calls in progress, by their backend, and the sessions that they may come from. */
export class Calls {
  readonly #proxyId: string
  readonly #sessions = new Set<string>()
  readonly #byPid = new Map<number, Set<OpenCall>>()
  /** When the session of a pid was last asked to cancel. */
  readonly #cancelledAt = new Map<number, number>()
  #onceNone: (() => void) | undefined

  constructor(proxyId: string) {
    this.#proxyId = proxyId
  }

  /**
   * A name for a new session, by its number, for its backend to say in each request: one may come when the session is over, and then its
   * pid could be another's.
   */
  nameSession(id: number): string {
    return `${this.#proxyId}/${id}`
  }

  sessionOpened(session: string): void {
    this.#sessions.add(session)
  }

  /** The backend's client is gone: nobody waits for the result of what it still does. */
  sessionClosed(session: string, pid: number): void {
    this.#sessions.delete(session)
    this.#cancelledAt.delete(pid)
    this.#abort(pid, clientLost())
  }

  /**
   * `waitingSince` (as of performance.now()) is when the backend had begun to wait for the proxy.
   * @throws PgError The session is over or was cancelled meanwhile: a backend that waits may not notice.
   */
  begin(origin: CallOrigin, waitingSince: number): Call {
    if ((this.#cancelledAt.get(origin.pid) ?? 0) > waitingSince) throw queryCanceled('user request')
    const { session } = origin
    if (session?.startsWith(`${this.#proxyId}/`) && !this.#sessions.has(session)) throw clientLost()
    const controller = new AbortController()
    const timer =
      origin.timeoutMs > 0
        ? setTimeout(() => controller.abort(queryCanceled('statement timeout')), origin.timeoutMs)
        : undefined
    const call: OpenCall = {
      origin,
      signal: controller.signal,
      isBeingCancelled: false,
      abort: reason => controller.abort(reason),
      end: () => {
        clearTimeout(timer)
        const others = this.#byPid.get(origin.pid)
        others?.delete(call)
        if (others?.size === 0) this.#byPid.delete(origin.pid)
        if (this.#byPid.size === 0) this.#onceNone?.()
      },
    }
    const open = this.#byPid.get(origin.pid) ?? new Set()
    this.#byPid.set(origin.pid, open.add(call))
    return call
  }

  /** The backend will be asked to cancel its statement, and may be done with that before cancel() is called. */
  willCancel(pid: number): void {
    for (const call of this.#byPid.get(pid) ?? []) call.isBeingCancelled = true
  }

  /** Somebody asked for the backend's statement to be cancelled. */
  cancel(pid: number): void {
    this.#cancelledAt.set(pid, performance.now())
    this.#abort(pid, queryCanceled('user request'))
  }

  has(pid: number): boolean {
    return this.#byPid.has(pid)
  }

  /** Resolves when there is none. */
  async none(): Promise<void> {
    if (this.#byPid.size === 0) return
    await new Promise<void>(resolve => {
      this.#onceNone = resolve
    })
  }

  #abort(pid: number, reason: PgError): void {
    for (const call of [...(this.#byPid.get(pid) ?? [])]) call.abort(reason)
  }
}

export const clientLost = (): PgError => connectionLost('client')
export const backendLost = (): PgError => connectionLost('backend')

const connectionLost = (peer: 'client' | 'backend'): PgError =>
  new PgError({ message: `connection to ${peer} lost`, code: SQLSTATE.connectionFailure })
