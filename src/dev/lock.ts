import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Lock {
  /** The run before this one ended without cleaning up, and servers of it may still be there. */
  readonly tookOver: boolean
  release(): Promise<void>
}

/** Makes sure that one process at a time uses `dataDir`. */
export async function lockDataDir(dataDir: string): Promise<Lock> {
  const file = join(dataDir, 'lock')
  for (let tookOver = false; ; ) {
    try {
      await writeFile(file, `${process.pid}\n`, { flag: 'wx' })
      return { tookOver, release: () => unlink(file) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const pid = Number(await readFile(file, 'utf8'))
    // Our own id is another life's: in a container it is the same one every time, and nothing there outlives it.
    tookOver = pid !== process.pid
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

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
