import type { Client } from 'pg'
import { type CommitLock, connectAdmin, isInRecovery, takeCommitLock } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { createInstaller, mayCreateExtension } from '../extension/install.ts'
import { SERVER_PARAMETERS, type ServerParameters } from './allow-list.ts'
import { newCommitKey } from './script.ts'

/**
 * What a script acquires over the proxy's own connections, to be released when it is over. Anybody can write a script: it
 * takes two connections at most, and a prepared statement keeps none.
 */
export class ResourceOwner {
  readonly #backend: BackendConfig
  readonly #database: string
  readonly #ownSchema: boolean
  readonly #releases: (() => Promise<void>)[] = []
  #lockHolder: Client | undefined

  /** `ownSchema`: as for createInstaller(). */
  constructor(backend: BackendConfig, database: string, ownSchema: boolean) {
    this.#backend = backend
    this.#database = database
    this.#ownSchema = ownSchema
  }

  /** Its connection lives only as long: it must not get in the way of DROP DATABASE. @throws PgError */
  async lock(): Promise<CommitLock> {
    if (this.#lockHolder === undefined) {
      const admin = await connectAdmin(this.#backend, this.#database)
      this.#releases.push(() => admin.end())
      this.#lockHolder = admin
    }
    return takeCommitLock(this.#lockHolder, newCommitKey())
  }

  /** Whether the role that the backend `pid` has let in may create extensions, for when it cannot be asked. @throws PgError */
  mayCreateExtension(pid: number): Promise<boolean> {
    return this.#asAdmin(async admin => {
      const { rows } = await admin.query<{ may: boolean }>(`SELECT ${mayCreateExtension('$1')} AS may`, [pid])
      return rows[0]?.may ?? false
    })
  }

  /** What Azure has in place of settings that a session could change. @throws PgError */
  serverParameters(): Promise<ServerParameters> {
    return this.#asAdmin(async admin => {
      const { rows } = await admin.query<ServerParameters>(SERVER_PARAMETERS)
      return rows[0] as ServerParameters
    })
  }

  /** The name of an installer function; a standby takes none. @throws PgError */
  async installer(): Promise<string | undefined> {
    const installer = await this.#asAdmin(async admin =>
      (await isInRecovery(admin)) ? undefined : createInstaller(admin, this.#ownSchema),
    )
    if (installer === undefined) return undefined
    this.#releases.push(() => this.#asAdmin(installer.drop))
    return installer.qualifiedName
  }

  get isEmpty(): boolean {
    return this.#releases.length === 0
  }

  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).reverse()) await release()
  }

  /** From now on the returned function releases what was acquired, and release() does not. */
  handOver(): () => Promise<void> {
    const others = new ResourceOwner(this.#backend, this.#database, this.#ownSchema)
    others.#releases.push(...this.#releases.splice(0))
    return () => others.release()
  }

  async #asAdmin<T>(work: (admin: Client) => Promise<T>): Promise<T> {
    const admin = await connectAdmin(this.#backend, this.#database)
    try {
      return await work(admin)
    } finally {
      await admin.end()
    }
  }
}
