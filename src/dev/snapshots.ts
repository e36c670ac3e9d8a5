import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import type { Azurite } from './azurite.ts'
import {
  changeCatalogues,
  clone,
  drop,
  dropOthers,
  endSessions,
  listDatabases,
  nameOf,
  OWN_DATABASE,
  rename,
  setOpen,
} from './databases.ts'
import { SUPERUSER } from './set-up.ts'
import { restoreShared, SHARED } from './shared-catalogues.ts'

/** The snapshot that the stack takes of itself when it is new. */
export const INITIAL = 'initial'

const TABLES = `
CREATE TABLE IF NOT EXISTS public.snapshot (
  name text PRIMARY KEY, id text NOT NULL, taken_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  databases text[] NOT NULL, shared jsonb NOT NULL, setup text NOT NULL);
-- What has begun and not ended: databases that are closed for the moment, a snapshot that is being restored.
CREATE TABLE IF NOT EXISTS public.under_way (closed text[], restored text);`

interface Row {
  readonly id: string
  readonly databases: readonly string[]
  readonly shared: string
  readonly setup: string
}

/** Databases that are made already, for the next time that this snapshot is restored. */
interface Ready {
  readonly id: string
  readonly names: readonly string[]
}

type Azure = Pick<Azurite, 'tell'>

/**
 * Snapshots of a stack: its databases, what these share (roles and the like), and its blobs. A snapshot's databases are in
 * the cluster as templates, its list of blobs is with Azurite; it is one when its row is there. Whoever is killed in between leaves
 * a row in `under_way` by which the next start sets it right.
 */
export class Snapshots {
  readonly #backend: BackendConfig
  readonly #azurite: Azure
  /** Trades memory for time. */
  readonly #isEager: boolean
  #admin: Client
  #ready: Ready | undefined
  /** One thing at a time. */
  #work: Promise<unknown> = Promise.resolve()

  private constructor(backend: BackendConfig, azurite: Azure, isEager: boolean, admin: Client) {
    this.#backend = backend
    this.#azurite = azurite
    this.#isEager = isEager
    this.#admin = admin
  }

  /** Before anybody else is connected. What an interrupted run has left half done is done. */
  static async open(backend: BackendConfig, azurite: Azure, isEager: boolean): Promise<Snapshots> {
    const snapshots = new Snapshots(backend, azurite, isEager, await connectOwn(backend))
    await snapshots.#repair()
    return snapshots
  }

  async names(): Promise<string[]> {
    const { rows } = await (await this.#connected()).query<{ name: string }>(
      'SELECT name FROM public.snapshot WHERE name <> $1 ORDER BY taken_at, name',
      [INITIAL],
    )
    return rows.map(({ name }) => name)
  }

  async has(name: string): Promise<boolean> {
    return (await this.#find(await this.#connected(), name)) !== undefined
  }

  /** Ends all sessions. `setup` is what will be compared with that of the time when it is restored. */
  take(name: string, setup: string): Promise<void> {
    return this.#inTurn(async admin => {
      const id = randomBytes(6).toString('hex')
      const databases = await listDatabases(admin)
      await admin.query('INSERT INTO public.under_way (closed) VALUES ($1)', [databases])
      await setOpen(admin, databases, false)
      try {
        await endSessions(admin, databases)
        await this.#azurite.tell('keep', id)
        for (const [i, database] of databases.entries()) await clone(admin, database, nameOf('snapshot', id, i))
        await admin.query(
          `INSERT INTO public.snapshot (name, id, databases, shared, setup) VALUES ($1, $2, $3, ${SHARED}, $4)
           ON CONFLICT (name) DO UPDATE SET (id, taken_at, databases, shared, setup) =
             (excluded.id, excluded.taken_at, excluded.databases, excluded.shared, excluded.setup)`,
          [name, id, databases, setup],
        )
      } finally {
        await setOpen(admin, databases, true)
        await admin.query('DELETE FROM public.under_way')
      }
      await this.#tidy(admin)
      if (this.#isEager) this.#prepare({ id, databases })
    })
  }

  /** Ends all sessions. The result is what the snapshot was taken with. */
  restore(name: string): Promise<string> {
    return this.#inTurn(async admin => {
      const row = await this.#find(admin, name)
      if (row === undefined) throw new Error(`there is no snapshot "${name}"`)
      await this.#restore(admin, name, row)
      return row.setup
    })
  }

  /** The next restoring of the latest snapshot is the faster for it. */
  async prepare(name: string): Promise<void> {
    const row = await this.#find(await this.#connected(), name)
    if (row !== undefined && this.#isEager) this.#prepare(row)
  }

  async close(): Promise<void> {
    await this.#work
    await this.#admin.end()
  }

  async #restore(admin: Client, name: string, row: Row): Promise<void> {
    const id = randomBytes(6).toString('hex')
    const before = await listDatabases(admin, row.databases)
    const made = this.#ready?.id === row.id ? this.#ready.names : await this.#make(admin, row)
    this.#ready = undefined
    const old = before.map((_, i) => nameOf('old', id, i))
    await changeCatalogues(admin, async () => {
      await admin.query('INSERT INTO public.under_way (restored) VALUES ($1)', [name])
      for (const [i, database] of before.entries()) await rename(admin, database, old[i] as string, false)
      for (const [i, database] of row.databases.entries()) await rename(admin, made[i] as string, database, true)
      await restoreShared(admin, row.shared)
    })
    await endSessions(admin, old)
    // Last, for the sessions may have written blobs until a moment ago.
    await this.#azurite.tell('restore', row.id)
    await admin.query('DELETE FROM public.under_way')
    if (this.#isEager) this.#prepare(row, old)
    else for (const database of old) await drop(admin, database)
  }

  async #make(admin: Client, { id, databases }: Pick<Row, 'id' | 'databases'>): Promise<string[]> {
    const names = databases.map((_, i) => nameOf('new', randomBytes(6).toString('hex'), i))
    for (const [i, name] of names.entries()) await clone(admin, nameOf('snapshot', id, i), name)
    return names
  }

  /** Afterwards: drops `old`, and makes what the next time needs. Should it fail, that will be done then. */
  #prepare(row: Pick<Row, 'id' | 'databases'>, old: readonly string[] = []): void {
    const prepare = async (admin: Client): Promise<void> => {
      this.#ready ??= { id: row.id, names: await this.#make(admin, row) }
      for (const database of old) await drop(admin, database)
    }
    this.#inTurn(prepare).catch(() => {})
  }

  async #repair(): Promise<void> {
    const admin = this.#admin
    await admin.query(TABLES)
    const { rows } = await admin.query<{ closed: string[] | null; restored: string | null }>(
      'SELECT closed, restored FROM public.under_way',
    )
    for (const { closed, restored } of rows) {
      if (closed !== null) await setOpen(admin, closed, true)
      const row = restored === null ? undefined : await this.#find(admin, restored)
      if (restored !== null && row !== undefined) await this.#restore(admin, restored, row)
    }
    await admin.query('DELETE FROM public.under_way')
    await this.#tidy(admin)
  }

  async #tidy(admin: Client): Promise<void> {
    const { rows } = await admin.query<{ id: string }>('SELECT id FROM public.snapshot')
    const ids = rows.map(({ id }) => id)
    this.#ready = undefined
    await dropOthers(admin, ids)
    await this.#azurite.tell('forgetOthers', ids)
  }

  async #find(admin: Client, name: string): Promise<Row | undefined> {
    const { rows } = await admin.query<Row>(
      'SELECT id, databases, shared::text AS shared, setup FROM public.snapshot WHERE name = $1',
      [name],
    )
    return rows[0]
  }

  #inTurn<T>(work: (admin: Client) => Promise<T>): Promise<T> {
    const result = this.#work.then(async () => work(await this.#connected()))
    this.#work = result.catch(() => {})
    return result
  }

  async #connected(): Promise<Client> {
    const isLost = await this.#admin.query('SELECT').then(
      () => false,
      () => true,
    )
    if (isLost) this.#admin = await connectOwn(this.#backend)
    return this.#admin
  }
}

async function connectOwn(backend: BackendConfig): Promise<Client> {
  try {
    return await connectAdmin(backend, OWN_DATABASE)
  } catch {
    // Not there yet, it seems; a better reason shows now.
    const admin = await connectAdmin(backend, SUPERUSER.database)
    try {
      await admin.query(`CREATE DATABASE ${OWN_DATABASE} TEMPLATE template0`)
      await admin.query(`REVOKE CONNECT ON DATABASE ${OWN_DATABASE} FROM PUBLIC`)
    } finally {
      await admin.end()
    }
    return connectAdmin(backend, OWN_DATABASE)
  }
}
