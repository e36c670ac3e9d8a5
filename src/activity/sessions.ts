import type { ToldErrors } from './told-errors.ts'

/** As pg_stat_activity has them; `starting`: not logged in yet. */
export type SessionState = 'starting' | 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)'

export interface SessionFacts {
  /** Its number in this proxy's log. */
  readonly id: number
  readonly user: string
  readonly database: string
  /** Address and port. */
  readonly client: string
  readonly since: Date
}

/** A session, as whoever shows it sees it. */
export interface LiveSession {
  readonly facts: SessionFacts
  /** 0 until it is logged in. */
  readonly pid: number
  readonly state: SessionState
  readonly errors: ToldErrors
  /** Asks for what it does to be cancelled, as its client could. */
  cancel(): Promise<void>
  /** Sends its client a notice, in ASCII; unless that would have to wait. */
  notify(text: string): void
}

/** The sessions that clients have through this proxy. */
export class Sessions {
  readonly #byId = new Map<number, LiveSession>()

  add(session: LiveSession): void {
    this.#byId.set(session.facts.id, session)
  }

  remove(id: number): void {
    this.#byId.delete(id)
  }

  get(id: number): LiveSession | undefined {
    return this.#byId.get(id)
  }

  /** In the order in which they have begun. */
  get all(): readonly LiveSession[] {
    return [...this.#byId.values()]
  }
}
