import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { makeFifos } from './private-folder.ts'

const PREFIX = 'spare-'
/** To start the program that makes them takes this process, which has much memory, some milliseconds each time. */
const MADE_AT_A_TIME = 16

const pipesOf = new Map<string, string[]>()

/** Makes a pipe of that name, in a private folder. */
export async function takePipe(folder: string, path: string): Promise<void> {
  const pipes = pipesOf.get(folder) ?? []
  pipesOf.set(folder, pipes)
  for (;;) {
    const pipe = pipes.pop()
    if (pipe === undefined) pipes.push(...(await makePipes(folder)))
    else if (moved(pipe, path)) return
  }
}

async function makePipes(folder: string): Promise<string[]> {
  const some = randomBytes(8).toString('hex')
  const paths = Array.from({ length: MADE_AT_A_TIME }, (_, i) => join(folder, `${PREFIX}${some}-${i}`))
  await makeFifos(paths)
  return paths
}

/** False: somebody who cleans up folders for temporary files has removed it. */
function moved(pipe: string, path: string): boolean {
  try {
    renameSync(pipe, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
