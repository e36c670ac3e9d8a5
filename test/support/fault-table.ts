import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import pg from 'pg'
import { backendConfig } from '../../src/config/backend-url.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { account } from './blobs.ts'
import { type CopyStack, startCopyStack, withoutAcceleration } from './copy-stack.ts'
import { childrenOf } from './processes.ts'
import { azurite, type TestServer } from './servers.ts'
import { FAULTS, type Fault, type Link, startTamperer, type Tamperer } from './tampering.ts'
import { cancelPacket, run, wire } from './wire.ts'
import { loginPacket, WireClient } from './wire-client.ts'

const LEGS = ['client', 'backend', 'storage', 'loopback'] as const
export type Leg = (typeof LEGS)[number]

const ROWS = 3_000
const SETTLE_MS = 10_000

/** What a session is doing when the fault strikes; a leg that takes no part in it cannot fail. */
const PHASES = {
  login: { legs: ['client', 'backend'] },
  idle: { legs: ['client', 'backend'] },
  query: { legs: ['client', 'backend'] },
  'copy in': { legs: ['client', 'backend'] },
  'copy out': { legs: ['client', 'backend'] },
  import: { legs: ['client', 'backend', 'storage'] },
  export: { legs: ['client', 'backend', 'storage'] },
  blob_get: { legs: LEGS },
  blob_put: { legs: LEGS },
  blob_list: { legs: LEGS },
  cancel: { legs: ['client', 'backend'] },
  'cancel export': { legs: ['client', 'backend'] },
} as const satisfies Record<string, { readonly legs: readonly Leg[] }>
export type Phase = keyof typeof PHASES

export interface Cell {
  readonly leg: Leg
  readonly phase: Phase
  /** `kill`: the backend is told to end, on the leg to it. */
  readonly fault: Fault | 'kill'
}

const isCancel = (phase: Phase): boolean => phase === 'cancel' || phase === 'cancel export'
const isWrite = (phase: Phase): boolean => phase === 'export' || phase === 'blob_put' || phase === 'cancel export'
const isRead = (phase: string, leg: Leg): boolean => leg === 'storage' && (phase === 'import' || phase === 'blob_get')

/** Every combination that there is. */
export const CELLS: readonly Cell[] = Object.entries(PHASES).flatMap(([phase, { legs }]) =>
  legs.flatMap(leg =>
    [...FAULTS, ...(leg === 'backend' && phase !== 'login' ? (['kill'] as const) : [])]
      // Bytes in the middle of a blob's contents are contents: TLS is what keeps them out. Those in the middle of a
      // startup packet wait for the rest of it.
      .filter(fault => fault !== 'garbage' || !(isRead(phase, leg) || (phase === 'login' && leg === 'client')))
      .map(fault => ({ leg, phase: phase as Phase, fault })),
  ),
)

export const nameOf = ({ leg, phase, fault }: Cell): string => `${phase}: ${fault} on the ${leg} leg`

/** What the client is told in the end, such as `C COPY 1`, `E ERROR 57014` or `EOF`; nothing when it is gone itself. */
export type Outcome = readonly string[]

/** What the proxy holds, in this process and elsewhere. */
type Holdings = Readonly<Record<string, number>>

/** A proxy with a tamperer on each leg, and the statements that are struck. */
export class FaultStack {
  readonly #stack: CopyStack
  /** A session that no tamperer can reach. */
  readonly #direct: pg.Client
  readonly #legs: Readonly<Record<'backend' | 'storage' | 'loopback', Tamperer>>
  /** Through connections that do not stay open. */
  readonly #container: ContainerClient
  readonly #statements: Readonly<Partial<Record<Phase, string>>>
  #baseline: Holdings = {}

  private constructor(stack: CopyStack, direct: pg.Client, legs: Readonly<Record<Exclude<Leg, 'client'>, Tamperer>>) {
    this.#stack = stack
    this.#direct = direct
    this.#legs = legs
    const args = `'${account.name}', '${stack.container.containerName}'`
    const credential = new StorageSharedKeyCredential(account.name, account.key)
    this.#container = new ContainerClient(stack.container.url, credential, { keepAliveOptions: { enable: false } })
    const url = (path: string): string =>
      `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${path}`
    this.#statements = {
      query: 'SELECT pg_sleep(0.2)',
      'copy in': 'COPY t FROM STDIN',
      // No flood: a server that is told to end while it cannot write ends without a word.
      'copy out': `COPY (SELECT repeat('x', 1000), CASE WHEN i > 200 THEN pg_sleep(0.01) END
        FROM generate_series(1, 250) i) TO STDOUT`,
      import: `COPY t FROM '${url('rows.csv')}'`,
      cancel: `COPY t FROM '${url('rows.csv')}'`,
      'cancel export': `COPY src TO '${url('out.csv')}'`,
      export: `COPY src TO '${url('out.csv')}'`,
      blob_get: `INSERT INTO t SELECT * FROM azure_storage.blob_get(${args}, 'rows.csv') AS t (a int, b text)`,
      blob_put: `SELECT azure_storage.blob_put(${args}, 'out.csv', src) FROM src`,
      blob_list: `SELECT path FROM azure_storage.blob_list(${args})`,
    }
  }

  static async start(server: TestServer): Promise<FaultStack> {
    process.env.TMPDIR = await mkdtemp(join(tmpdir(), 'blobgres-faults-')) // nobody else's files are there
    const listen = { host: '127.0.0.1', port: await freePort() }
    const legs = {
      backend: await startTamperer(() => server),
      storage: await startTamperer(() => azurite),
      loopback: await startTamperer(() => listen),
    }
    const { superuser: user } = server
    const stack = await startCopyStack(server, {
      listen,
      loopback: { host: '127.0.0.1', port: legs.loopback.port },
      backend: backendConfig({
        host: '127.0.0.1',
        port: legs.backend.port,
        user,
        password: undefined,
        database: 'postgres',
      }),
      storageEndpoints: {
        defaultTemplate: `http://127.0.0.1:${legs.storage.port}/{account}`,
        accounts: new Map(),
      },
    })
    // Faults between server and proxy are the functions' own.
    await withoutAcceleration(stack)
    const direct = new pg.Client({ connectionString: stack.database.url })
    await direct.connect()
    const row = `'x' || repeat('y', 90)`
    await stack.client.query(`CREATE TABLE t (a int, b text);
      CREATE TABLE src AS SELECT a, ${row} AS b FROM generate_series(1, ${ROWS}) a`)
    await stack.put('rows.csv', Array.from({ length: ROWS }, (_, a) => `${a + 1},x${'y'.repeat(90)}\n`).join(''))
    const faults = new FaultStack(stack, direct, legs)
    // Once each without a fault: what is opened for good is open then.
    for (const sql of Object.values(faults.#statements)) {
      if (!sql.endsWith('STDIN') && !sql.endsWith('STDOUT')) await stack.client.query(sql)
    }
    await faults.#reset()
    faults.#baseline = await faults.#holdings()
    return faults
  }

  async close(): Promise<void> {
    await this.#direct.end()
    await this.#stack.close()
    for (const leg of Object.values(this.#legs)) await leg.close()
    await rm(tmpdir(), { recursive: true })
    delete process.env.TMPDIR
  }

  /**
   * Strikes a session in a phase, and tells what its client heard.
   * @throws when something is half done or left over, or the session should go on and does not.
   */
  async strike({ leg, phase, fault }: Cell, extended = false): Promise<Outcome> {
    const { client, link } = await this.#begin(phase, leg, extended)
    const bystander = isCancel(phase) ? await WireClient.open(this.#stack.url()) : client
    if (isCancel(phase)) {
      if (leg === 'backend') {
        if (fault === 'kill') await this.#terminate(client)
        else this.#legs.backend.strikeNext(fault)
      }
      bystander.send(cancelPacket(client.key))
    }
    if (leg === 'client') this.#strikeClient(bystander, fault)
    else if (fault === 'kill') await this.#terminate(client)
    else if (leg !== 'backend') for (const each of [...this.#legs[leg].links]) each.strike(fault)
    else if (!isCancel(phase)) link?.strike(fault)

    if (isCancel(phase)) {
      // Perhaps it did not arrive: people press Ctrl-C again. But what has come to the proxy, the backend must hear of.
      if (leg === 'client') await sleep(50)
      if (leg === 'client') {
        const again = await WireClient.open(this.#stack.url())
        again.send(cancelPacket(client.key))
        await again.until('EOF')
      }
    }
    const outcome = await this.#outcome({ leg, phase, fault }, client)
    client.kill('reset')
    bystander.kill('reset')
    try {
      await this.#nothingLeft(client)
      for (const each of Object.values(this.#legs)) each.release()
      await this.#wholeOrNot(phase, outcome)
    } finally {
      await this.#reset()
    }
    return outcome
  }

  /** Brings a session to where it is to be struck; `link` is its connection to the server. */
  async #begin(phase: Phase, leg: Leg, extended: boolean): Promise<{ client: WireClient; link: Link | undefined }> {
    const { backend, storage } = this.#legs
    const known = new Set(backend.links)
    if (phase === 'login') {
      const held = leg === 'backend' ? backend.hold({ down: 0 }) : undefined
      const client = await WireClient.open(this.#stack.url())
      const login = loginPacket(this.#stack.url())
      client.send(leg === 'backend' ? login : login.subarray(0, 20))
      await held
      return { client, link: backend.links.find(each => !known.has(each)) }
    }
    const client = await WireClient.connect(this.#stack.url())
    const link = backend.links.find(each => !known.has(each))
    const sql = this.#statements[phase]
    if (sql === undefined) return { client, link }
    const uploads = isWrite(phase)
    const held = PHASES[phase].legs.some(each => each === 'storage') || isCancel(phase)
    const reached = held
      ? storage.hold(uploads ? { up: 2000 } : phase === 'blob_list' ? { down: 0 } : { down: 50_000 })
      : undefined
    client.send(extended ? Buffer.concat([run(sql), wire.sync]) : wire.query(sql))
    await reached
    if (phase === 'copy in') {
      await client.until('G')
      client.send(wire.copyData('1\tx\n'))
    }
    if (phase === 'copy out') await client.until('d')
    return { client, link }
  }

  #strikeClient(client: WireClient, fault: Cell['fault']): void {
    if (fault === 'garbage') client.send(Buffer.from('z\0\0\0\x05garbage'))
    else client.kill(fault === 'fin' ? 'fin' : 'reset')
  }

  async #terminate({ pid }: WireClient): Promise<void> {
    await this.#direct.query(`SELECT pg_terminate_backend(${pid})`)
  }

  /** What the client is told, and whether its session goes on where it should. */
  async #outcome({ leg, phase, fault }: Cell, client: WireClient): Promise<Outcome> {
    const { backend, storage, loopback } = this.#legs
    if (leg === 'client' && fault !== 'garbage' && !isCancel(phase)) return []
    // The replies that were lost in garbage do not come, whoever waits for them.
    if (leg === 'backend' && fault === 'garbage' && !isCancel(phase)) {
      await sleep(20)
      return []
    }
    const staysHeld =
      isCancel(phase) ||
      (leg === 'backend' && phase !== 'login') ||
      leg === 'loopback' ||
      (leg === 'storage' && fault === 'garbage')
    if (!staysHeld) for (const each of [backend, storage, loopback]) each.release()
    if (phase === 'copy in' && leg !== 'backend') client.send(wire.copyDone)
    const over = leg === 'backend' && !isCancel(phase)
    const replies = await client.until(over || (leg === 'client' && !isCancel(phase)) ? 'EOF' : 'Z')
    if (replies.at(-1) !== 'EOF' && (await client.value('SELECT 5')) !== '5')
      throw new Error('the session does not go on')
    return replies
      .filter(line => /^(C|E|EOF)\b/.test(line))
      .map(line => line.replace(/^E (\w+ \w+) .*/s, 'E $1').replace(/\.$/, ''))
  }

  /** Everything that was there for the session is gone, within a moment. */
  async #nothingLeft({ key }: WireClient): Promise<void> {
    const pid = key.length === 0 ? 0 : key.readInt32BE(0)
    const deadline = Date.now() + SETTLE_MS
    const gone = async (): Promise<boolean> =>
      (await this.#direct.query(`SELECT FROM pg_stat_activity WHERE pid = ${pid}`)).rowCount === 0
    // What is held on its way to the storage must not arrive any more.
    while (!(await gone()) || this.#legs.storage.isHolding) {
      if (Date.now() > deadline) throw new Error('the backend, or a request of its, is left')
      await sleep(10)
    }
  }

  async #wholeOrNot(phase: Phase, outcome: Outcome): Promise<void> {
    const { client } = this.#stack
    const rows = (await client.query('SELECT count(*)::int AS n FROM t')).rows[0].n
    const isDone = outcome[0]?.startsWith('C')
    const expected = isDone && (phase === 'import' || phase === 'blob_get' || phase === 'cancel') ? ROWS : 0
    if (rows !== expected) throw new Error(`${rows} rows instead of ${expected}`)
    const out = await this.#read('out.csv')
    const writes = isWrite(phase)
    const whole = writes && isDone ? await this.#read('rows.csv') : 'old'
    if (out !== whole)
      throw new Error(`a blob of ${out.length} characters instead of ${whole.length}: ${out.slice(0, 50)}`)
  }

  async #read(path: string): Promise<string> {
    return (await this.#container.getBlobClient(path).downloadToBuffer()).toString()
  }

  async #reset(): Promise<void> {
    for (const leg of Object.values(this.#legs)) leg.release()
    await this.#stack.client.query('TRUNCATE t')
    await this.#container.getBlockBlobClient('out.csv').upload('old', 3)
  }

  /** @throws when there is more than before the first fault. */
  async nothingLeaks(): Promise<void> {
    const deadline = Date.now() + SETTLE_MS
    for (;;) {
      const now = await this.#holdings()
      const before = this.#baseline
      if (Object.entries(now).every(([kind, count]) => count <= (before[kind] as number))) return
      if (Date.now() > deadline) throw new Error(`${JSON.stringify(now)}\ninstead of\n${JSON.stringify(before)}`)
      await sleep(100)
    }
  }

  async #holdings(): Promise<Holdings> {
    // The SDK's idle connections are neither needed nor lost.
    for (const link of [...this.#legs.storage.links]) link.strike('reset')
    await sleep(10)
    const { rows } = await this.#stack.client.query(
      `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS backends,
         (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS locks,
         (SELECT count(*)::int FROM pg_proc WHERE proname LIKE 'blobgres_installer_%') AS installers`,
    )
    const resources = process.getActiveResourcesInfo()
    return {
      ...rows[0],
      descriptors: (await readdir('/proc/self/fd')).length,
      timers: resources.filter(each => each === 'Timeout').length,
      sockets: resources.filter(each => each.startsWith('TCPSocket')).length,
      backendLinks: this.#legs.backend.links.length,
      loopbackLinks: this.#legs.loopback.links.length,
      files: (await readdir(tmpdir())).length,
      children: childrenOf(process.pid).length,
    }
  }
}
