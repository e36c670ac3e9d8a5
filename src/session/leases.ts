import { connectAdmin, type SettleLock, takeSettleLock } from '../backend/admin.ts'
import type { BackendConfig } from '../config.ts'
import { createInstaller } from '../extension/install.ts'
import { newSettleKey } from './script.ts'

/** What a script takes of the proxy's own connections, to be given back when it is over. */
export class Leases {
  readonly #backend: BackendConfig
  readonly #database: string
  readonly #releases: (() => Promise<void>)[] = []

  constructor(backend: BackendConfig, database: string) {
    this.#backend = backend
    this.#database = database
  }

  /** @throws PgError */
  async lock(): Promise<SettleLock> {
    const lock = await takeSettleLock(this.#backend, this.#database, newSettleKey())
    this.#releases.push(() => lock.release())
    return lock
  }

  /** The name of an installer function. @throws PgError */
  async installer(): Promise<string> {
    const admin = await connectAdmin(this.#backend, this.#database)
    this.#releases.push(() => admin.end())
    const installer = await createInstaller(admin)
    this.#releases.push(() => installer.drop())
    return installer.qualifiedName
  }

  get hold(): boolean {
    return this.#releases.length > 0
  }

  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).reverse()) await release()
  }

  /** What is leased is somebody else's to give back from now on. */
  handOver(): () => Promise<void> {
    const others = new Leases(this.#backend, this.#database)
    others.#releases.push(...this.#releases.splice(0))
    return () => others.release()
  }
}
