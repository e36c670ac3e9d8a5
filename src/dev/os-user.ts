import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Ids to spawn PostgreSQL with; empty where this process isn't root. */
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
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])
    return lookUp('postgres')
  }
}

async function lookUp(name: string): Promise<OsUser> {
  const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}
