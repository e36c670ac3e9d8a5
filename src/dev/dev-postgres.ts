import { readdir, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Admin, DevConfig } from '../config/dev-config.ts'
import { type Child, ChildStartError } from './child.ts'
import { embeddedBinaries } from './embedded-postgres.ts'
import { isRunning } from './lock.ts'
import { postgresOsUser } from './os-user.ts'
import { initCluster, startPostgres } from './postgres.ts'
import { preloadStandIn } from './stand-in-library.ts'

const VERSION = '18'
/** Of data that nobody wants any more when its server has gone. */
const WITHOUT_CARE = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }
const PID_FILE = 'postmaster.pid'

/** Runs the dev stack's PostgreSQL on its data in `dataDir`, which is created the first time. */
export async function startDevPostgres(
  dataDir: string,
  { azureExtensions, admin, inMemory }: Pick<DevConfig, 'azureExtensions' | 'admin' | 'inMemory'>,
  port: number,
  onOutput: (chunk: Buffer) => void,
): Promise<Child> {
  const [binaries, osUser] = await Promise.all([embeddedBinaries(), postgresOsUser()])
  const files = await readdir(dataDir).catch(() => undefined)
  if (files === undefined) {
    // Beside its place and then moved there whole, so that an interrupted start leaves nothing that looks like a cluster.
    const unfinished = `${dataDir}.new`
    await rm(unfinished, { recursive: true, force: true })
    const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    await initCluster({ binaries, dataDir: unfinished, osUser }, locale)
    await rename(unfinished, dataDir)
  }
  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => 'unknown')
  if (version.trim() !== VERSION) {
    throw unusable(dataDir, `not a data folder of PostgreSQL ${VERSION} (PG_VERSION: ${version.trim()})`)
  }
  const settings = {
    port,
    unix_socket_directories: '',
    'azure.extensions': azureExtensions,
    ...(inMemory && WITHOUT_CARE),
    ...(await passwordRule(dataDir, admin)),
    ...(await preloadStandIn(binaries, `${dataDir}-lib`)),
  }
  try {
    return await startPostgres({ binaries, dataDir, osUser }, settings, onOutput)
  } catch (error) {
    if (!(error instanceof ChildStartError)) throw error
    throw unusable(dataDir, error.reason)
  }
}

/** Trusts everybody but the admin, where that has a password. */
async function passwordRule(dataDir: string, { user, password }: Admin): Promise<Record<string, string>> {
  if (password === undefined) return {}
  const file = `${dataDir}-hba.conf`
  await writeFile(file, `host all "${user}" all scram-sha-256\ninclude "${join(dataDir, 'pg_hba.conf')}"\n`)
  return { hba_file: file }
}

function unusable(dataDir: string, reason: string): Error {
  return new Error(`the data folder ${dataDir} cannot be used: ${reason.trim()}; delete it to start afresh`)
}

/** Whether a PostgreSQL that an earlier run left behind still owns the cluster in `dataDir`. */
export async function isClusterRunning(dataDir: string): Promise<boolean> {
  return (await isRunning(join(dataDir, PID_FILE))) && !(await isStale(dataDir))
}

/**
 * Removes a killed server's file where its process id is another's by now, or may be in a moment, as in a container that has
 * started again: PostgreSQL would take that process for a server, and not start.
 */
export async function removeStalePidFile(dataDir: string, isReborn: boolean): Promise<void> {
  const isOld = isReborn ? !(await isClusterRunning(dataDir)) : await isStale(dataDir)
  if (isOld) await rm(join(dataDir, PID_FILE), { force: true })
}

/** Whether the process of that id is not a server of the cluster. Only Linux tells, by where it runs: a server, in its cluster. */
async function isStale(dataDir: string): Promise<boolean> {
  const [pid] = (await readFile(join(dataDir, PID_FILE), 'utf8').catch(() => '')).split('\n')
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
  return folder !== undefined && folder !== (await realpath(dataDir))
}
