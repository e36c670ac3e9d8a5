import { spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, type ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { type Azurite, startAzurite } from '../../src/dev/azurite.ts'
import { type Child, startChild } from '../../src/dev/child.ts'
import { embeddedBinaries } from '../../src/dev/embedded-postgres.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { postgresOsUser } from '../../src/dev/os-user.ts'
import { initCluster, startPostgres } from '../../src/dev/postgres.ts'
import { childrenOf } from '../support/processes.ts'
import { type ProcessorTime, processorTimeOf } from './processor-time.ts'

/** For 1,500 sessions, and some. */
const MAX_CONNECTIONS = 1700
const ACCOUNT = { name: 'benchacct', key: Buffer.from('benchmark key '.repeat(4)).toString('base64') }

/** PostgreSQL, Azurite and the built proxy, each a process of its own; pgbouncer too where it is installed. */
export interface BenchStack {
  readonly dir: string
  readonly version: number
  readonly directPort: number
  readonly proxyPort: number
  readonly pgbouncerPort: number | undefined
  /** Has pgbouncer connect to the server anew for its next clients. */
  reconnectPgbouncer(): Promise<void>
  /** Another one after restartProxy(). */
  readonly proxyPid: number
  /** That, and its workers. */
  proxyPids(): number[]
  /** Had so far; of the proxy, since it was last restarted. */
  processorTime(): ProcessorTime
  readonly account: string
  readonly container: ContainerClient
  /** A blob's URL as COPY takes it. */
  url(path: string): string
  /** The same blob over plain HTTP, for curl. */
  httpUrl(path: string): string
  /** For one that remembers nothing, as to its memory. */
  restartProxy(): Promise<void>
  /** Another one beside it, with further arguments, which is there from then on; gives its port. */
  anotherProxy(...args: string[]): Promise<number>
  /** The port of bare-relay.cjs, which is there from then on. */
  bareRelay(): Promise<number>
  /** The server by its Unix socket, as `--backend` takes it. */
  readonly socketBackend: string
  close(): Promise<void>
}

export interface BenchStackOptions {
  /** Gets all that the proxy logs. */
  readonly onProxyOutput?: (chunk: Buffer) => void
  /** Puts something between the proxy and Azurite: what it returns is the proxy's storage endpoint. */
  readonly storageBefore?: (azurite: Azurite) => Promise<string>
  /** The proxy's, besides what it needs. */
  readonly proxyArgs?: readonly string[]
  /** The folder of the package whose proxy it is, built: this one if not said. */
  readonly root?: string
}

/** The database that pgbouncer has for the server's `postgres` by its Unix socket. */
export const SOCKET_DATABASE = 'by_socket'

export const ROOT = join(import.meta.dirname, '../..')

export async function startBenchStack(
  version: 15 | 18,
  { onProxyOutput, storageBefore, proxyArgs = [], root = ROOT }: BenchStackOptions = {},
): Promise<BenchStack> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-bench-'))
  const running: Child[] = []
  const osUser = await postgresOsUser()
  if (osUser.uid !== undefined && osUser.gid !== undefined) await chown(dir, osUser.uid, osUser.gid)
  const options = {
    binaries: await embeddedBinaries(version === 15 ? 'embedded-postgres-15' : 'embedded-postgres'),
    dataDir: join(dir, 'postgres'),
    osUser,
  }
  await initCluster(options, ['--no-locale'])
  const directPort = await freePort()
  const server = await startPostgres(options, {
    port: directPort,
    unix_socket_directories: dir,
    fsync: 'off',
    shared_buffers: '512MB',
    max_wal_size: '16GB',
    checkpoint_timeout: '1h',
    max_connections: MAX_CONNECTIONS,
  })
  running.push(server)
  const location = join(dir, 'azurite')
  await mkdir(location)
  const azurite: Azurite = await startAzurite({ accounts: [ACCOUNT], port: 0, location, inMemory: true })
  running.push(azurite)
  const proxyPort = await freePort()
  const storage = storageBefore ? await storageBefore(azurite) : azurite.endpointTemplate
  const startProxyAt = (port: number, args: readonly string[]): Promise<Child> => {
    const all = ['--listen', `127.0.0.1:${port}`, '--storage-endpoint', storage, ...args]
    return startProxyProcess(root, directPort, all, onProxyOutput)
  }
  const startProxy = (): Promise<Child> => startProxyAt(proxyPort, proxyArgs)
  const otherProxies = new Map<string, Promise<number>>()
  const startOther = async (args: readonly string[]): Promise<number> => {
    const port = await freePort()
    running.push(await startProxyAt(port, args))
    return port
  }
  let bareRelay: Promise<number> | undefined
  const startBare = async (): Promise<number> => {
    const port = await freePort()
    running.push(await startBareRelay(port, directPort))
    return port
  }
  let proxy = await startProxy()
  const pgbouncer = await startPgbouncer(dir, directPort, osUser)
  if (pgbouncer) running.push(pgbouncer.child)

  const endpoint = azurite.endpointTemplate.replace('{account}', ACCOUNT.name)
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(ACCOUNT.name, ACCOUNT.key))
  const container = service.getContainerClient('bench')
  await container.create({ access: 'blob' })
  return {
    dir,
    version,
    directPort,
    proxyPort,
    pgbouncerPort: pgbouncer?.port,
    async reconnectPgbouncer() {
      if (pgbouncer) await shell(`${psqlCommand(pgbouncer.port, 'pgbouncer')} -c RECONNECT`)
    },
    get proxyPid() {
      return proxy.pid
    },
    processorTime: () => ({
      server: processorTimeOf(server.pid),
      proxy: processorTimeOf(proxy.pid),
      storage: processorTimeOf(azurite.pid),
    }),
    proxyPids: () => [proxy.pid, ...workersOf(proxy.pid)],
    account: ACCOUNT.name,
    container,
    url: path => `https://${ACCOUNT.name}.blob.core.windows.net/bench/${path}`,
    httpUrl: path => `${endpoint}/bench/${path}`,
    async restartProxy() {
      await proxy.stop()
      proxy = await startProxy()
    },
    anotherProxy(...args) {
      const key = args.join(' ')
      const port = otherProxies.get(key) ?? startOther(args)
      otherProxies.set(key, port)
      return port
    },
    bareRelay() {
      bareRelay ??= startBare()
      return bareRelay
    },
    socketBackend: `postgres://postgres@localhost:${directPort}/postgres?host=${encodeURIComponent(dir)}`,
    async close() {
      await Promise.all([proxy, ...running.reverse()].map(child => child.stop()))
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export const registerAccount = `SELECT azure_storage.account_add('${ACCOUNT.name}', '${ACCOUNT.key}')`

/** Runs a shell pipeline, with `argument` as its $1; rejects with what it printed when it fails. */
export async function shell(command: string, { cwd = ROOT, argument = '' } = {}): Promise<string> {
  const args = ['-o', 'pipefail', '-c', command, 'bash', argument]
  const child = spawn('bash', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const status = await new Promise<number | null>(resolve => child.on('close', resolve))
  if (status !== 0) throw new Error(`${command}: ${stderr || stdout}`)
  return stdout
}

export const psqlCommand = (port: number, database = 'postgres'): string =>
  `psql -X -q -h 127.0.0.1 -p ${port} -U postgres -d ${database} -v ON_ERROR_STOP=1`

export const sql = (port: number, text: string): Promise<string> =>
  shell(`${psqlCommand(port)} -A -t -c "${text.replaceAll('"', '\\"').replaceAll('$', '\\$')}"`)

const workersOf = (pid: number): number[] =>
  childrenOf(pid)
    .filter(({ command }) => command.includes('workers/worker.'))
    .map(each => each.pid)

/** Peak resident memory of a process so far, in MiB. */
export async function peakRss(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024
}

async function startProxyProcess(
  root: string,
  directPort: number,
  args: readonly string[],
  onOutput: ((chunk: Buffer) => void) | undefined,
): Promise<Child> {
  const { child } = await startChild({
    name: 'the proxy',
    command: process.execPath,
    args: [join(root, 'dist/cli.js'), 'serve', ...args],
    options: {
      env: { ...process.env, BLOBGRES_BACKEND: `postgres://postgres@127.0.0.1:${directPort}/postgres` },
    },
    ready: /"msg":"listening"/,
    stopSignal: 'SIGTERM',
    ...(onOutput && { onOutput }),
  })
  return child
}

async function startBareRelay(port: number, directPort: number): Promise<Child> {
  const { child } = await startChild({
    name: 'the bare relay',
    command: process.execPath,
    args: ['--expose-internals', join(import.meta.dirname, 'bare-relay.cjs'), String(port), String(directPort)],
    ready: /listening/,
    stopSignal: 'SIGTERM',
  })
  return child
}

async function startPgbouncer(
  dir: string,
  directPort: number,
  osUser: { readonly uid?: number | undefined; readonly gid?: number | undefined },
): Promise<{ child: Child; port: number } | undefined> {
  if ((await shell('command -v pgbouncer || true')).trim() === '') return undefined
  const port = await freePort()
  const ini = join(dir, 'pgbouncer.ini')
  await shell(`cat > ${ini} <<'INI'
[databases]
${SOCKET_DATABASE} = host=${dir} port=${directPort} user=postgres dbname=postgres
* = host=127.0.0.1 port=${directPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
admin_users = postgres
pool_mode = session
max_client_conn = 200
default_pool_size = 100
INI`)
  const ids = osUser.uid === undefined ? {} : { uid: osUser.uid, gid: osUser.gid as number }
  const { child } = await startChild({
    name: 'pgbouncer',
    command: 'pgbouncer',
    args: [ini],
    options: { cwd: '/', ...ids },
    ready: /process up/,
    stopSignal: 'SIGINT',
  })
  return { child, port }
}
