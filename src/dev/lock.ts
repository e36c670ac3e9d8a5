import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Lock {
  /** The run before this one ended without cleaning up, and servers of it may still be there. */
  readonly tookOver: boolean
  /** It ended so in another life, as in a container, where this process has the same id every time: nothing there outlives it. */
  readonly isReborn: boolean
  release(): Promise<void>
}

/** Makes sure that one process at a time uses `dataDir`. */
export async function lockDataDir(dataDir: string): Promise<Lock> {
  const file = join(dataDir, 'lock')
  let [tookOver, isReborn] = [false, false]
  for (;;) {
    try {
      await writeFile(file, `${process.pid}\n`, { flag: 'wx' })
      return { tookOver, isReborn, release: () => unlink(file) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const pid = Number(await readFile(file, 'utf8'))
    isReborn = pid === process.pid
    tookOver = !isReborn
    if (tookOver && isAlive(pid)) {
      throw new Error(`already running (pid ${pid}); if that is something else, delete ${file}`)
    }
    await unlink(file)
  }
}

/** Whether the process whose id is in the first line of `pidFile` exists. */
export async function isRunning(pidFile: string): Promise<boolean> {
  const content = await readFile(pidFile, 'utf8').catch(() => '')
  return isAlive(Number(content.split('\n')[0]))
}

export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
