import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How to run a program: what `spawn` takes. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly options: { readonly uid?: number; readonly gid?: number }
}

/** The account of this machine that runs PostgreSQL; ids only where that is not this process' own account. */
export interface OsUser {
  readonly uid?: number
  readonly gid?: number
}

/** PostgreSQL refuses to run as root, so root runs it as the OS user `postgres`, which is created where it is missing. */
export async function postgresOsUser(): Promise<OsUser> {
  if (process.getuid?.() !== 0) return {}
  try {
    return await lookUp('postgres')
  } catch {
    if (process.platform !== 'linux') throw new Error('PostgreSQL does not run as root: run this as another user')
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])
    return lookUp('postgres')
  }
}

async function lookUp(name: string): Promise<OsUser> {
  const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/** How to run a program as `user`, who must reach it and `paths`. */
export async function launchAs(
  user: OsUser,
  command: string,
  args: readonly string[],
  paths: readonly string[],
): Promise<Launch> {
  if (user.uid === undefined) return { command, args, options: {} }
  if (await canReach(user, [command, ...paths])) return { command, args, options: user }
  // A repository below /root, say, is closed to others. The capability opens the way and leaves the user a stranger;
  // without the secure bit access(2), by which PostgreSQL looks for its own programs, would ignore it.
  const wrapper = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--inh-caps=+dac_override']
  wrapper.push('--ambient-caps=+dac_override', '--securebits=+no_setuid_fixup')
  try {
    await run('setpriv', [...wrapper, 'test', '-x', command])
  } catch {
    throw new Error(
      `the OS user postgres, which runs PostgreSQL, cannot reach ${command}: move the repository elsewhere`,
    )
  }
  return { command: 'setpriv', args: [...wrapper, command, ...args], options: {} }
}

async function canReach(user: OsUser, paths: readonly string[]): Promise<boolean> {
  const tests = paths.map(path => run('test', ['-x', path], { ...user, cwd: '/' }))
  return (await Promise.allSettled(tests)).every(({ status }) => status === 'fulfilled')
}
