import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, shell } from './bench-stack.ts'

/** Another commit of this repository, built in a folder of its own. */
export interface BuiltCommit {
  /** Its short hash. */
  readonly name: string
  readonly root: string
  remove(): Promise<void>
}

export async function buildCommit(ref: string): Promise<BuiltCommit> {
  const name = (await shell('git rev-parse --verify --short --end-of-options "$1^{commit}"', { argument: ref })).trim()
  const root = await mkdtemp(join(tmpdir(), `blobgres-${name}-`))
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true })
  try {
    await shell(`git archive ${name} | tar -x -C '${root}'`)
    const locks = await Promise.all([ROOT, root].map(each => readFile(join(each, 'package-lock.json'), 'utf8')))
    if (locks[0] === locks[1]) await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    else await shell('npm ci --ignore-scripts --no-audit --no-fund', { cwd: root })
    await shell('npm run --silent build', { cwd: root })
  } catch (error) {
    await remove()
    throw error
  }
  return { name, root, remove }
}
