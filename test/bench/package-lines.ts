import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProgram } from '../support/dev-process.ts'
import { packRepository } from '../support/packed.ts'
import { shell } from './bench-stack.ts'
import { type Pair, seconds } from './measure.ts'

/** What it is to take, in seconds. */
const AIM = 60

/** From the tarball to a first blob, in an empty folder with an empty npm cache: what the registry sends is part of it. */
export function packageLines(): Pair[] {
  const aim = { against: 'what it is to take', unit: 's', theirs: async () => AIM, once: true } as const
  return [
    { ...aim, name: 'tarball to first blob', ours: () => firstBlob('') },
    { ...aim, name: 'tarball to first blob, no install scripts', ours: () => firstBlob('--ignore-scripts') },
  ]
}

async function firstBlob(installOption: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-package-'))
  const cwd = join(folder, 'empty')
  try {
    await mkdir(cwd)
    const tarball = await packRepository(folder)
    const options = ['--listen', '127.0.0.1:0', '--azurite-port', '0']
    const statements =
      "CREATE TABLE first AS SELECT 1 AS a; COPY first TO 'https://pgquickstart.blob.core.windows.net/samples/first.csv'"
    const taken = await seconds(async () => {
      const install = `npm install --cache ../cache --no-audit --no-fund ${installOption} "$1"`
      await shell(install, { cwd, argument: tarball })
      await startProgram(['npx', '--offline', 'blobgres', 'dev', ...options], { cwd }).printed(/Ctrl-C/)
      await shell('npx --offline blobgres sql "$1"', { cwd, argument: statements })
    })
    await shell('npx --offline blobgres stop', { cwd })
    return taken
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
