import type { Logger } from '../log.ts'
import type { Secret } from '../sql/account-secrets.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import type { Step } from './script.ts'

/** A prepared statement of ours. */
export interface Prepared {
  readonly step: Step
  /** Credentials among its parameters. */
  readonly secrets: readonly Secret[]
  readonly rewrite: Rewrite
  /** Gives back what was made for it. */
  readonly release: () => Promise<void>
}

/** Those of a client's prepared statements and portals that are ours, under the client's names for them. */
export class PreparedStatements {
  readonly #log: Logger
  readonly #statements = new Map<string, Prepared>()
  readonly #portals = new Map<string, Prepared>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** There is none, and no portal. */
  get isEmpty(): boolean {
    return this.#statements.size === 0 && this.#portals.size === 0
  }

  has(name: string): boolean {
    return this.#statements.has(name)
  }

  add(name: string, prepared: Prepared): void {
    this.#statements.set(name, prepared)
  }

  forget(name: string): void {
    const prepared = this.#statements.get(name)
    if (prepared === undefined) return
    this.#statements.delete(name)
    prepared.release().catch(error => this.#log.warn({ err: error }, 'cannot drop an installer function'))
  }

  forgetAll(): void {
    for (const name of [...this.#statements.keys()]) this.forget(name)
  }

  /** The statement, if it is ours, is the portal's from now on. */
  bind(portal: string, name: string): Prepared | undefined {
    const prepared = this.#statements.get(name)
    if (prepared) this.#portals.set(portal, prepared)
    else this.#portals.delete(portal)
    return prepared
  }

  ofPortal(portal: string): Prepared | undefined {
    return this.#portals.get(portal)
  }

  forgetPortal(portal: string): void {
    this.#portals.delete(portal)
  }

  forgetPortals(): void {
    this.#portals.clear()
  }
}
