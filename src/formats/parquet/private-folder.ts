import { execFile, spawn } from 'node:child_process'
import { constants, openSync, rmSync } from 'node:fs'
import { access, lstat, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

/*
 * A folder that nobody else can enter, for what two processes of ours open by its name. It goes when this process ends,
 * however it does; what a machine that lost its power leaves is removed at the next start.
 */

const PREFIX = 'blobgres-parquet-'
const UNFINISHED = `${PREFIX}new-`
/** A pipe that its owner reads from: whoever can open its other end knows that the owner lives, in whichever container. */
const ALIVE = 'alive'
const UNFINISHED_MS = 3_600_000

const folders = new Map<string, Promise<string>>()

/** In `tempDir`; made anew if somebody has cleaned up there. */
export async function privateFolder(tempDir: string): Promise<string> {
  const known = folders.get(tempDir)
  if (known !== undefined && !(await isThere(known)) && folders.get(tempDir) === known) folders.delete(tempDir)
  const folder = folders.get(tempDir) ?? createFolder(tempDir)
  folders.set(tempDir, folder)
  return folder
}

/** In a folder that nobody else can enter. Any user may run the program, and every system has it. */
export async function makeFifos(paths: readonly string[]): Promise<void> {
  await promisify(execFile)('mkfifo', paths)
}

const isThere = (folder: Promise<string>): Promise<boolean> =>
  folder
    .then(path => access(join(path, ALIVE)))
    .then(
      () => true,
      () => false,
    )

async function createFolder(tempDir: string): Promise<string> {
  const unfinished = await mkdtemp(join(tempDir, UNFINISHED))
  try {
    const alive = join(unfinished, ALIVE)
    await makeFifos([alive])
    openSync(alive, constants.O_RDONLY | constants.O_NONBLOCK) // for as long as this process lives
    const folder = join(tempDir, PREFIX + unfinished.slice(-6))
    await rename(unfinished, folder)
    removeAtEnd(folder)
    return folder
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
}

const own: string[] = []

function removeAtEnd(folder: string): void {
  if (own.push(folder) === 1) {
    process.on('exit', () => {
      for (const each of own) rmSync(each, { recursive: true, force: true })
    })
  }
  // A process that is killed has no last word, but its end of this pipe breaks.
  const watcher = spawn('/bin/sh', ['-c', 'read -r _; rm -rf "$0"', folder], {
    env: {},
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.on('error', () => {})
  watcher.stdin.on('error', () => {})
  watcher.unref()
}

/** Removes what processes left in `tempDir` that have ended. */
export async function sweepPrivateFolders(tempDir: string): Promise<void> {
  const names = await readdir(tempDir).catch(() => [])
  for (const name of names.filter(each => each.startsWith(PREFIX))) {
    const path = join(tempDir, name)
    if (await isAbandoned(path).catch(() => false)) await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const { uid, mtimeMs } = await lstat(path)
  if (uid !== process.getuid?.()) return false
  const isOld = Date.now() - mtimeMs > UNFINISHED_MS
  if (basename(path).startsWith(UNFINISHED)) return isOld
  try {
    const owner = await open(join(path, ALIVE), constants.O_WRONLY | constants.O_NONBLOCK)
    await owner.close()
    return false
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENXIO' || (code === 'ENOENT' && isOld)
  }
}
