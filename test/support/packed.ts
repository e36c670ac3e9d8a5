import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')

interface LockEntry {
  readonly dev?: true
  readonly devDependencies?: unknown
}

interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
}

/** Packs a clean copy of this repository, as it is in the work tree, into `folder`; returns the tarball's path. */
export async function packRepository(folder: string): Promise<string> {
  const copy = join(folder, 'clone')
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  await mkdir(copy)
  for (const file of stdout.split('\0').filter(name => /^(src\/|[^/]+$)/.test(name))) {
    await cp(join(ROOT, file), join(copy, file))
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const packed = await run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: copy })
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[')))
  return join(folder, filename)
}

/**
 * Installs a tarball in the empty folder `folder`, with the versions of its dependencies that this repository has: what
 * is tested is the package, and not what was published today. No package's install script runs.
 */
export async function installPackage(tarball: string, folder: string): Promise<void> {
  const lock: Lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'))
  const { '': repository, ...others } = lock.packages
  const { devDependencies: _, ...entry } = repository as LockEntry
  const manifest = { name: 'empty', version: '1.0.0', dependencies: { blobgres: `file:${tarball}` } }
  const needed = Object.entries(others).filter(([, { dev }]) => !dev)
  const packages = {
    '': manifest,
    'node_modules/blobgres': { ...entry, resolved: manifest.dependencies.blobgres },
    ...Object.fromEntries(needed),
  }
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, name: manifest.name, packages }))
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=1']
  await run('npm', ['ci', ...options], { cwd: folder })
}
