import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import type { BackendConfig } from '../config/backend-url.ts'
import type { Config } from '../config/config.ts'
import { type SealingKey, withProxyKey } from '../credentials/sealing.ts'
import { prepareServer, readSealingKey } from '../extension/install.ts'
import type { Logger } from '../log.ts'
import { connectToChosen, hostsOf } from './choose-host.ts'
import { updateDatabases } from './update-databases.ts'

/** How often anybody may have the server looked at again. */
const LOOK_INTERVAL_MS = 1000

const FACTS = `
SELECT pg_catalog.pg_is_in_recovery() AS "isStandby",
  pg_catalog.to_regrole('azure_storage_key') IS NOT NULL AS "hasKey",
  (pg_catalog.extract('epoch', pg_catalog.pg_postmaster_start_time())
    OPERATOR(pg_catalog.*) 1000000::pg_catalog.numeric)::pg_catalog.int8::pg_catalog.text AS "startedAt",
  pg_catalog.current_setting('server_version_num')::pg_catalog.int4
    OPERATOR(pg_catalog./) 10000 AS "majorVersion"`

export interface Facts {
  readonly isStandby: boolean
  /** A standby has none whose primary never had a proxy. */
  readonly hasKey: boolean
  readonly startedAt: string
  readonly majorVersion: number
}

export const readFacts = async (admin: Client): Promise<Facts> => (await admin.query<Facts>(FACTS)).rows[0] as Facts

/**
 * The server behind a proxy, as it was found when it was last looked at. It changes meanwhile: a server is restarted, a
 * standby is promoted, another takes over its address.
 */
export class ServerState {
  readonly #config: Config
  readonly #log: Logger
  #backend: BackendConfig
  #facts: Facts = { isStandby: false, hasKey: false, startedAt: '', majorVersion: 0 }
  #key: SealingKey = { encKey: randomBytes(32), macKey: randomBytes(32) }
  #isOutdated = false
  /** One that has not begun yet. */
  #nextLook: Promise<void> | undefined
  #lastLook: Promise<void> = Promise.resolve()
  #lookedAt = Number.NEGATIVE_INFINITY

  private constructor(config: Config, log: Logger) {
    this.#config = config
    this.#log = log
    this.#backend = config.backend
  }

  /** Looks at a server for the first time. @throws where it cannot be had. */
  static async of(config: Config, log: Logger): Promise<ServerState> {
    const state = new ServerState(config, log)
    const admin = await state.connect()
    try {
      await state.look(admin)
      if (state.isStandby) log.info('the server is a standby: its databases are left as they are')
      await state.updateDatabases(admin)
      return state
    } finally {
      await admin.end()
    }
  }

  /** The one of the configured servers that new sessions go to. */
  get backend(): BackendConfig {
    return this.#backend
  }

  /** All that sessions may have gone to. */
  get backends(): readonly BackendConfig[] {
    return hostsOf(this.#config.backend)
  }

  /** Connects the proxy itself, to the first of the configured servers that is as asked for: that is the one from now on. */
  async connect(): Promise<Client> {
    const { backend, admin } = await connectToChosen(this.#config.backend)
    if (backend !== this.#backend)
      this.#log.info({ host: backend.host, port: backend.port }, 'another server is chosen')
    this.#backend = backend
    return admin
  }

  /** Chooses once more, because the one that was chosen cannot be reached. */
  reconsider(): Promise<void> {
    return this.#soon()
  }

  /** It is in recovery: nothing can be written. */
  get isStandby(): boolean {
    return this.#facts.isStandby
  }

  /** When its postmaster started, in microseconds: a standby shares its key, oids and accounts with its primary, but not this. */
  get startedAt(): string {
    return this.#facts.startedAt
  }

  get majorVersion(): number {
    return this.#facts.majorVersion
  }

  get hasKey(): boolean {
    return this.#facts.hasKey
  }

  /** Where the server has none, one that nothing has been made with. */
  get sealingKey(): SealingKey {
    return this.#key
  }

  /** Looks at the server that `admin` is connected to; where it can be written to, what all databases share is made. */
  async look(admin: Client): Promise<void> {
    const facts = await readFacts(admin)
    const isNew = facts.startedAt !== this.startedAt || facts.isStandby !== this.isStandby
    if (isNew && !facts.isStandby) {
      await prepareServer(admin)
      this.#isOutdated = true
    }
    const hasKey = facts.hasKey || !facts.isStandby
    if (hasKey) this.#key = withProxyKey(await readSealingKey(admin), this.#config.credentialKey)
    this.#facts = { ...facts, hasKey }
  }

  /** Brings the extension up to date in the databases of a server that can be written to, once. */
  async updateDatabases(admin: Client): Promise<void> {
    if (!this.#isOutdated || this.isStandby) return
    this.#isOutdated = false
    await updateDatabases(admin, this.#backend, this.#log)
  }

  /** Whether it is this server that started then. It is looked at once more where it seems not to be: anybody can say so. */
  async hasStartedAt(time: string): Promise<boolean> {
    if (time !== this.startedAt) await this.#soon()
    return time === this.startedAt
  }

  #soon(): Promise<void> {
    this.#nextLook ??= this.#lookAgain(this.#lastLook)
    this.#lastLook = this.#nextLook
    return this.#nextLook
  }

  async #lookAgain(last: Promise<void>): Promise<void> {
    await last
    await sleep(Math.max(0, this.#lookedAt + LOOK_INTERVAL_MS - performance.now()))
    this.#nextLook = undefined
    this.#lookedAt = performance.now()
    try {
      const admin = await this.connect()
      await this.look(admin).finally(() => admin.end())
    } catch (error) {
      this.#log.warn({ err: error }, 'cannot look at the server')
    }
  }
}
