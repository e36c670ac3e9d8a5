import { PgError, queryCanceled } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Which statement of which backend a request belongs to. */
export interface CallOrigin {
  readonly pid: number
  /** statement_timestamp() in microseconds since 1970, as text. */
  readonly statement: string
  /**
   * statement_timeout in milliseconds, 0 for none. For each call anew: it may have been set in the middle of a statement,
   * such as a procedure with many jobs, whose time so far must not count.
   */
  readonly timeoutMs: number
  readonly database: string
  readonly blockSizeMb: number
}

/** Work done for a statement. It must end when that does; the backend cannot see to it while it waits for us. */
export interface Call {
  readonly origin: CallOrigin
  /** Aborted with the PgError that the statement is to fail with. */
  readonly signal: AbortSignal
  end(): void
}

interface OpenCall extends Call {
  abort(reason: PgError): void
}

/** The calls in progress, by their backend. */
export class Calls {
  readonly #byPid = new Map<number, Set<OpenCall>>()
  #onceNone: (() => void) | undefined

  begin(origin: CallOrigin): Call {
    const controller = new AbortController()
    const timer =
      origin.timeoutMs > 0
        ? setTimeout(() => controller.abort(queryCanceled('statement timeout')), origin.timeoutMs)
        : undefined
    const call: OpenCall = {
      origin,
      signal: controller.signal,
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

  /** Somebody asked for the backend's statement to be cancelled. */
  cancel(pid: number): void {
    this.#abort(pid, queryCanceled('user request'))
  }

  /** The backend's client is gone: nobody waits for the result. */
  abandon(pid: number): void {
    this.#abort(pid, new PgError({ message: 'connection to client lost', code: SQLSTATE.connectionFailure }))
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
