import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresServer } from '../support/servers.ts'

const RETRY_MS = 200

/** An idle session on a server that may crash: all sessions end then, this one too. */
export class Witness {
  readonly #server: PostgresServer
  #session: Promise<pg.Client>
  #crashes = 0

  constructor(server: PostgresServer) {
    this.#server = server
    this.#session = this.#connect()
  }

  /** How many it has seen, as soon as the server takes logins. */
  async crashes(): Promise<number> {
    await this.#session
    return this.#crashes
  }

  async close(): Promise<void> {
    const session = await this.#session
    session.removeAllListeners('end')
    await session.end()
  }

  async #connect(): Promise<pg.Client> {
    const { host, port, superuser: user } = this.#server
    const session = new pg.Client({ host, port, user, database: 'postgres' })
    session.on('error', () => {})
    try {
      await session.connect()
    } catch {
      await sleep(RETRY_MS)
      return this.#connect()
    }
    session.on('end', () => {
      this.#crashes++
      this.#session = this.#connect()
    })
    return session
  }
}
