import { connectAdmin } from '../backend/admin.ts'
import type { ServerState } from '../backend/server-state.ts'

/** The database that is no database, but this proxy itself. */
export const ADMIN_DATABASE = 'blobgres'

/** Anybody can ask for it, without a password. */
const KNOWN_MS = 5000

/** Whether the name is ours: a database of the server that is called so comes first. */
export class AdminDatabaseName {
  readonly #server: Pick<ServerState, 'backend'>
  #known: { readonly until: number; readonly isOurs: Promise<boolean> } | undefined

  constructor(server: Pick<ServerState, 'backend'>) {
    this.#server = server
  }

  async isMeant(database: string | undefined): Promise<boolean> {
    if (database !== ADMIN_DATABASE) return false
    if (this.#known === undefined || this.#known.until < performance.now()) {
      this.#known = { until: performance.now() + KNOWN_MS, isOurs: this.#look() }
    }
    return this.#known.isOurs
  }

  /** Where the server cannot be asked, it is to say why to the client. */
  async #look(): Promise<boolean> {
    try {
      const admin = await connectAdmin(this.#server.backend)
      const text = 'SELECT FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) $1'
      const { rowCount } = await admin.query(text, [ADMIN_DATABASE]).finally(() => admin.end())
      return rowCount === 0
    } catch {
      return false
    }
  }
}
