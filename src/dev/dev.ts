import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { backendConfig } from '../config/backend-url.ts'
import type { Config } from '../config/config.ts'
import type { Admin, DevConfig } from '../config/dev-config.ts'
import { type Address, reachableHost } from '../config/values.ts'
import type { HttpServer } from '../http/server.ts'
import type { Logger } from '../log.ts'
import { type RunningProxy, startProxy } from '../proxy.ts'
import { ACCOUNT_PLACEHOLDER, trusting } from '../storage/endpoints.ts'
import { accessTo, type StackAccess } from './access.ts'
import { type Azurite, azuriteProgram, type StorageAccount, startAzurite } from './azurite.ts'
import { banner } from './banner.ts'
import { ensureCertificate } from './certificate.ts'
import type { Child } from './child.ts'
import { accountsOf, Contents } from './contents.ts'
import { type Handlers, startControl } from './control.ts'
import { OWN_DATABASE } from './databases.ts'
import { isClusterRunning, removeStalePidFile, startDevPostgres } from './dev-postgres.ts'
import { embeddedBinaries } from './embedded-postgres.ts'
import { freePort, isFree } from './free-port.ts'
import { type InitScripts, prepareInitScripts } from './init-scripts.ts'
import { isRunning, type Lock, lockDataDir } from './lock.ts'
import { SERVERS, tellServers } from './running-stack.ts'
import { SAMPLE_ACCOUNT } from './samples.ts'
import { SUPERUSER } from './set-up.ts'
import { INITIAL, Snapshots } from './snapshots.ts'
import { startStatusPage } from './status-page.ts'
import { type StorageFront, startStorageFront } from './storage-front.ts'

const DRAIN_TIMEOUT_MS = 2000
/** An earlier run that was killed leaves servers that notice it and stop: the time they may take. */
const LEFTOVERS_TIMEOUT_MS = 8000

export interface DevStack {
  /** What to tell the user. */
  readonly banner: string
  readonly access: StackAccess
  /** Rejects when PostgreSQL or Azurite ends although nobody asked it to. */
  readonly failure: Promise<never>
  /** Resolves when `blobgres stop` asks for the end. */
  readonly stopped: Promise<void>
  /** Databases, roles and blobs are again what they were when the data was new. Like the next two, it ends all sessions. */
  reset(): Promise<void>
  snapshot(name: string): Promise<void>
  restore(name: string): Promise<void>
  /** The names that can be restored. */
  snapshots(): Promise<string[]>
  /** Puts blobs and runs SQL of a seed folder, without one of that of the configuration, once more. */
  seed(dir: string | undefined): Promise<void>
  close(): Promise<void>
}

/** Starts PostgreSQL, Azurite and the proxy, with the extension, accounts and samples in place. */
export async function startDevStack(
  config: DevConfig,
  log: Logger,
  progress = (_step: string) => {},
): Promise<DevStack> {
  azuriteProgram()
  await embeddedBinaries()
  const { dataDir } = config
  await mkdir(join(dataDir, 'azurite'), { recursive: true })
  const lock = await lockDataDir(dataDir)
  /** In the order in which they were begun; they end in the other. */
  const parts: (() => Promise<void>)[] = [lock.release]
  const end = async (): Promise<void> => {
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) await part()
  }
  let ending: Promise<void> | undefined
  const close = (): Promise<void> => (ending ??= end())
  try {
    await takeOver(config, lock)
    const hasSeed = config.seed !== undefined
    const initScripts = await prepareInitScripts(config.initScripts, dataDir, join(dataDir, 'postgres'), hasSeed)
    const accounts = await accountsOf(config)
    progress(initScripts.isFirst ? 'Making a database with initdb' : 'Starting PostgreSQL and Azurite')
    const servers = await startServers(config, accounts, child => parts.push(() => child.stop()))
    parts.push(servers.front.close)
    const serving = proxyConfig(config, servers, accounts)
    const snapshots = await Snapshots.open(serving.backend, servers.azurite, config.inMemory === true)
    parts.push(() => snapshots.close())
    const contents = new Contents(config, servers.front.url, accounts)
    progress(`Preparing samples and the database ${config.admin.database}`)
    await prepareContents(serving, contents, config.admin, initScripts, log)
    const setup = await contents.describe()
    if (!(await snapshots.has(INITIAL))) await snapshots.take(INITIAL, setup)
    else await snapshots.prepare(INITIAL)
    const { proxy, http } = await startServing(config, serving, accounts, parts, log)
    const reachable = { ...proxy.address, host: reachableHost(proxy.address.host) }
    const restore = async (name: string): Promise<void> => {
      if ((await snapshots.restore(name)) !== setup) await contents.complete(reachable)
    }
    const account = accounts.find(({ name }) => name === config.accounts[0]) ?? SAMPLE_ACCOUNT
    const access = accessTo(proxy.address, servers.front, accounts, account, config.admin)
    const addresses = { listen: proxy.address, azurite: servers.front, http: http?.address }
    const stack = {
      banner: banner({ ...config, ...addresses, access, account: SAMPLE_ACCOUNT.name }),
      access,
      failure: failureOf(servers),
      reset: () => restore(INITIAL),
      snapshot: (name: string) => snapshots.take(name, setup),
      restore,
      snapshots: () => snapshots.names(),
      seed: (dir: string | undefined) => contents.seedAgain(reachable, dir),
      close,
    }
    return { ...stack, ...(await letCommandsIn(dataDir, stack, tellServers(serving, proxy.address, accounts), parts)) }
  } catch (error) {
    await close()
    throw error
  }
}

/** The proxy, and the page that tells of it to the end. */
async function startServing(
  { http: wanted }: DevConfig,
  config: Config,
  accounts: readonly StorageAccount[],
  parts: (() => Promise<void>)[],
  log: Logger,
): Promise<{ readonly proxy: RunningProxy; readonly http: HttpServer | undefined }> {
  let http: HttpServer | undefined
  parts.push(async () => http?.close())
  const proxy = await startProxy(config, log)
  parts.push(() => proxy.close(DRAIN_TIMEOUT_MS))
  http = await startStatusPage(wanted, { proxy, config, log }, accounts)
  return { proxy, http }
}

/** `blobgres status` and the like; the result resolves when one asks for the end. */
async function letCommandsIn(
  dataDir: string,
  stack: Omit<DevStack, 'stopped'>,
  servers: unknown,
  parts: (() => Promise<void>)[],
): Promise<{ readonly stopped: Promise<void> }> {
  let stop = (): void => {}
  const stopped = new Promise<void>(resolve => {
    stop = resolve
  })
  const handlers = {
    status: async () => ({ pid: process.pid, ...stack.access, snapshots: await stack.snapshots() }),
    [SERVERS]: async () => servers,
    reset: stack.reset,
    snapshot: name => stack.snapshot(String(name)),
    restore: name => stack.restore(String(name)),
    seed: dir => stack.seed(dir === undefined ? undefined : String(dir)),
  } satisfies Handlers
  const control = await startControl(dataDir, handlers, stop)
  parts.push(control.hide)
  parts.unshift(control.close)
  return { stopped }
}

interface Servers {
  readonly postgres: Child
  /** PostgreSQL's. */
  readonly port: number
  readonly azurite: Azurite
  readonly front: StorageFront
  /** Azurite's certificate. */
  readonly ca: Buffer
}

/** PostgreSQL, and Azurite with these accounts; `keep` gets each that has started, whatever becomes of the other. */
async function startServers(
  config: DevConfig,
  accounts: readonly StorageAccount[],
  keep: (child: Child) => void,
): Promise<Servers> {
  const { dataDir, inMemory = false } = config
  const port = await freePort()
  const certificate = ensureCertificate(dataDir, 'azurite', ['localhost', '127.0.0.1'])
  const kept = <T extends Child>(child: T): T => {
    keep(child)
    return child
  }
  const postgresLog = logFile(dataDir, 'postgres.log')
  const starts = [
    startDevPostgres(join(dataDir, 'postgres'), config, port, postgresLog).then(kept),
    certificate.then(files =>
      startAzurite({
        accounts,
        port: 0,
        certificate: files,
        location: join(dataDir, 'azurite'),
        inMemory,
        onOutput: logFile(dataDir, 'azurite.log'),
      }).then(kept),
    ),
  ] as const
  // Wait for both even when one fails, so that no child is left out when all is closed.
  await Promise.allSettled(starts)
  const [postgres, azurite] = await Promise.all(starts)
  await writeFile(join(dataDir, 'azurite.pid'), `${azurite.pid}\n`)
  const ca = await readFile((await certificate).cert)
  const front = await startStorageFront({ host: config.listen.host, port: config.azuritePort }, azurite, ca)
  return { postgres, port, azurite, front, ca }
}

/** What users call the storage: URLs of it are then the accounts'. At an address that the certificate lacks, Azurite itself. */
function storageTemplate({ host, port }: StorageFront, { endpointTemplate }: Azurite): string {
  const isHere = ['127.0.0.1', 'localhost', '0.0.0.0', '::'].includes(host)
  return isHere ? `https://127.0.0.1:${port}/${ACCOUNT_PLACEHOLDER}` : endpointTemplate
}

/** The proxy's own connections are to a database of their own, which no snapshot ends. */
function proxyConfig(config: DevConfig, servers: Servers, accounts: readonly StorageAccount[]): Config {
  const template = storageTemplate(servers.front, servers.azurite)
  const own = accounts.map(({ name }): [string, string] => [name, template.replace(ACCOUNT_PLACEHOLDER, name)])
  const others = config.storageEndpoints
  return {
    listen: config.listen,
    backend: backendConfig({
      host: '127.0.0.1',
      port: servers.port,
      user: SUPERUSER.user,
      database: OWN_DATABASE,
      password: undefined,
    }),
    storageEndpoints: {
      defaultTemplate: others?.defaultTemplate,
      accounts: new Map([...own, ...(others?.accounts ?? [])]),
      trust: trusting(servers.ca),
    },
    azureCredential: 'emulated',
    strictAzure: config.strictAzure === true,
    extras: config.extras === true,
    progress: config.progress === true,
    ...(config.busyPollMicroseconds !== undefined && { busyPollMicroseconds: config.busyPollMicroseconds }),
    ownSchema: true,
    logLevel: config.logLevel,
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
  }
}

/** What others are to find in place: in databases through a proxy that they do not know of, before there is theirs. */
async function prepareContents(
  config: Config,
  contents: Contents,
  admin: Admin,
  initScripts: InitScripts,
  log: Logger,
): Promise<void> {
  const storage = contents.fillStorage(initScripts.isFirst)
  storage.catch(() => {}) // it is waited for below
  const proxy = await startProxy({ ...config, listen: { host: '127.0.0.1', port: 0 } }, log)
  try {
    await Promise.all([storage, contents.fillDatabases(proxy.address)])
    await initScripts.run(proxy.address, admin, () => contents.runSeed(proxy.address))
  } finally {
    await proxy.close(0)
  }
}

function failureOf({ postgres, azurite }: Servers): Promise<never> {
  const failure = Promise.race([ended('PostgreSQL', postgres), ended('Azurite', azurite)])
  failure.catch(() => {}) // they also end when they are told to
  return failure
}

async function ended(name: string, child: Child): Promise<never> {
  await child.exited
  throw new Error(`${name} has ended unexpectedly; its log is in the data folder`)
}

function logFile(dataDir: string, name: string): (chunk: Buffer) => void {
  const stream = createWriteStream(join(dataDir, name))
  return chunk => stream.write(chunk)
}

async function assertFree(address: Address, flag: string): Promise<void> {
  if (await isFree(address)) return
  throw new Error(`port ${address.port} of ${address.host} is in use; choose another with ${flag}`)
}

/** The data folder, from a run before this one. */
async function takeOver({ dataDir, listen, azuritePort, http }: DevConfig, lock: Lock): Promise<void> {
  const postgresDir = join(dataDir, 'postgres')
  if (lock.tookOver) await waitForLeftovers(postgresDir, join(dataDir, 'azurite.pid'))
  await removeStalePidFile(postgresDir, lock.isReborn)
  await assertFree(listen, '--listen')
  await assertFree({ host: listen.host, port: azuritePort }, '--azurite-port')
  if (http && !http.elseFree) await assertFree(http, '--http')
}

async function waitForLeftovers(postgresDir: string, azuritePid: string): Promise<void> {
  const deadline = Date.now() + LEFTOVERS_TIMEOUT_MS
  const remain = async (): Promise<boolean> => (await isClusterRunning(postgresDir)) || (await isRunning(azuritePid))
  while (Date.now() < deadline && (await remain())) await sleep(100)
}
