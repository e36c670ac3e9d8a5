import type { Client } from 'pg'
import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { isMac, mac } from '../credentials/mac.ts'
import type { SealingKey } from '../credentials/sealing.ts'

export type Place = 'first' | 'last'

const PURPOSE = 'blobgres/2 presence'
const SHOWN = /^\/\* azure_storage proxy ([0-9a-f]{64}) (first|last) ([^ ]+) \*\//

/** What tells a backend from those that had its pid before. */
const SELF = `pid::pg_catalog.text,
  (pg_catalog.extract('epoch', backend_start) OPERATOR(pg_catalog.*) 1000000::pg_catalog.numeric)
    ::pg_catalog.int8::pg_catalog.text AS start`

interface Held {
  readonly client: Client
  readonly pid: string
  readonly start: string
}

/**
 * Where a proxy of a standby is, which can register nothing there: it holds a session, whose last statement says so, with
 * a proof that is good for this one backend. It is seen in all databases, by nobody but those who may see superusers'
 * statements, and it is gone with the proxy. The other half is azure_storage_private.present_addresses().
 */
export class Presence {
  readonly #server: { readonly backend: BackendConfig }
  #held: Held | undefined
  #statement = ''

  constructor(server: { readonly backend: BackendConfig }) {
    this.#server = server
  }

  /** There is no moment in which the session shows nothing: it runs no other statement in between. */
  async show(key: SealingKey, addresses: readonly string[], place: Place): Promise<void> {
    const { client, pid, start } = this.#held ?? (await this.#hold())
    const list = addresses.join(',')
    const proof = mac(key, PURPOSE, pid, start, place, list)
    this.#statement = `/* azure_storage proxy ${proof} ${place} ${list} */ SELECT pg_catalog.pg_is_in_recovery() AS standby`
    await client.query(this.#statement)
  }

  get isShown(): boolean {
    return this.#held !== undefined
  }

  /** Whether it can be seen, at a server that is a standby still. */
  async stands(): Promise<boolean> {
    const held = this.#held
    if (held === undefined) return false
    try {
      return (await held.client.query<{ standby: boolean }>(this.#statement)).rows[0]?.standby === true
    } catch {
      if (this.#held === held) this.#held = undefined
      await held.client.end()
      return false
    }
  }

  async end(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    await held?.client.end()
  }

  async #hold(): Promise<Held> {
    const client = await connectAdmin(this.#server.backend)
    const { rows } = await client.query<{ pid: string; start: string }>(
      `SELECT ${SELF} FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())`,
    )
    const held = { client, ...(rows[0] as { pid: string; start: string }) }
    client.on('end', () => {
      if (this.#held === held) this.#held = undefined
    })
    this.#held = held
    return held
  }
}

/** The proxies that are at a standby. */
export async function presentAddresses(admin: Client, key: SealingKey): Promise<string[]> {
  const { rows } = await admin.query<{ pid: string; start: string; query: string }>(
    `SELECT ${SELF}, query FROM pg_catalog.pg_stat_get_activity(NULL)`,
  )
  return rows.flatMap(({ pid, start, query }) => {
    const [, proof = '', place = '', list = ''] = SHOWN.exec(query) ?? []
    return isMac(proof, key, PURPOSE, pid, start, place, list) ? list.split(',') : []
  })
}
