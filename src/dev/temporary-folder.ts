import { chmod, mkdtemp, readdir, readFile, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './lock.ts'

const PREFIX = 'blobgres-stack-'
/** Memory, as files. */
const MEMORY = '/dev/shm'
/** Containers often have a small one. */
const ROOM = 2 ** 30

/** A data folder of a stack that keeps nothing; removed by whoever has it, or at the next start after that was killed. */
export async function createTemporaryFolder(inMemory: boolean): Promise<string> {
  const parent = inMemory && (await hasRoom(MEMORY)) ? MEMORY : tmpdir()
  await sweep(parent)
  const folder = await mkdtemp(join(parent, PREFIX))
  // The OS user of PostgreSQL may have to pass through it.
  await chmod(folder, 0o711)
  return folder
}

async function hasRoom(folder: string): Promise<boolean> {
  const space = await statfs(folder).catch(() => undefined)
  return space !== undefined && space.bavail * space.bsize >= ROOM
}

/** What killed processes of this user have left. */
async function sweep(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => [])
  for (const name of names.filter(each => each.startsWith(PREFIX))) {
    const folder = join(parent, name)
    if (await isAbandoned(folder).catch(() => false)) await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

async function isAbandoned(folder: string): Promise<boolean> {
  const { uid } = await stat(folder)
  // Without a lock, or with an empty one, it may be about to be used.
  const pid = Number(await readFile(join(folder, 'lock'), 'utf8'))
  return uid === process.getuid?.() && pid > 0 && !isAlive(pid)
}
