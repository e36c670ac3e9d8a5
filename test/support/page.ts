import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const SOURCE = fileURLToPath(new URL('../../src/http/page/', import.meta.url))

/** The status page as the package has it. */
export async function buildPage(): Promise<{ readonly folder: URL; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-page-'))
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', SOURCE, '--outDir', dir])
  for (const name of await readdir(SOURCE)) {
    if (/\.(?:html|css|svg)$/.test(name)) await cp(join(SOURCE, name), join(dir, 'page', name))
  }
  return { folder: pathToFileURL(join(dir, 'page/')), remove: () => rm(dir, { recursive: true }) }
}
