import { execFile } from 'node:child_process'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Child, startChild } from './child.ts'
import type { OsUser } from './os-user.ts'

const run = promisify(execFile)

/** Where a PostgreSQL distribution keeps its programs. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** Creates a cluster in `dataDir` (new or empty) whose superuser is `postgres`. */
export async function initCluster(
  binaries: PostgresBinaries,
  dataDir: string,
  osUser: OsUser,
  flags: readonly string[] = [],
): Promise<void> {
  await mkdir(dataDir, { recursive: true })
  await chmod(dataDir, 0o700)
  if (osUser.uid !== undefined && osUser.gid !== undefined) await chown(dataDir, osUser.uid, osUser.gid)
  await run(binaries.initdb, ['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', ...flags], {
    ...osUser,
    // The caller's directory may be closed to the OS user, and initdb insists on going back to it.
    cwd: dataDir,
  })
}

/** Runs the cluster in `dataDir` on 127.0.0.1. */
export async function startPostgres(
  binaries: PostgresBinaries,
  dataDir: string,
  osUser: OsUser,
  settings: Readonly<Record<string, string | number>>,
): Promise<Child> {
  const args = ['-D', dataDir]
  for (const [name, value] of Object.entries({ listen_addresses: '127.0.0.1', ...settings })) {
    args.push('-c', `${name}=${value}`)
  }
  const { child } = await startChild({
    name: 'PostgreSQL',
    command: binaries.postgres,
    args,
    options: { ...osUser, cwd: dataDir, env: { ...process.env, LC_MESSAGES: 'C' } },
    ready: /database system is ready to accept connections/,
    stopSignal: 'SIGINT',
  })
  return child
}
