import { execFile } from 'node:child_process'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Child, startChild } from './child.ts'
import { launchAs, type OsUser } from './os-user.ts'

const run = promisify(execFile)

/** Where a PostgreSQL distribution keeps its programs. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

export interface PostgresOptions {
  readonly binaries: PostgresBinaries
  readonly dataDir: string
  readonly osUser: OsUser
}

/** Creates a cluster in `dataDir` (new or empty) whose superuser is `postgres`. */
export async function initCluster(options: PostgresOptions, flags: readonly string[]): Promise<void> {
  const { binaries, dataDir, osUser } = options
  await mkdir(dataDir, { recursive: true })
  await chmod(dataDir, 0o700)
  if (osUser.uid !== undefined && osUser.gid !== undefined) await chown(dataDir, osUser.uid, osUser.gid)
  const args = ['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', ...flags]
  const launch = await launchAs(osUser, binaries.initdb, args, [dataDir])
  // The caller's directory may be closed to the OS user, and initdb insists on going back to where it was.
  await run(launch.command, launch.args, { ...launch.options, cwd: '/' })
}

/** Runs the cluster in `dataDir` on 127.0.0.1. */
export async function startPostgres(
  options: PostgresOptions,
  settings: Readonly<Record<string, string | number>>,
  onOutput?: (chunk: Buffer) => void,
): Promise<Child> {
  const { binaries, dataDir, osUser } = options
  const args = ['-D', dataDir]
  for (const [name, value] of Object.entries({ listen_addresses: '127.0.0.1', ...settings })) {
    args.push('-c', `${name}=${value}`)
  }
  const launch = await launchAs(osUser, binaries.postgres, args, [dataDir])
  const { child } = await startChild({
    name: 'PostgreSQL',
    command: launch.command,
    args: launch.args,
    options: { ...launch.options, cwd: '/', env: { ...process.env, LC_MESSAGES: 'C' } },
    ready: /database system is ready to accept (read-only )?connections/,
    stopSignal: 'SIGINT',
    ...(onOutput && { onOutput }),
  })
  return child
}
