import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

/** From the top down: a folder of src, or a file beside them, imports only what stands below it. */
const LAYERS = [
  'cli.ts',
  'index.ts',
  'testcontainers.ts',
  'dev',
  'workers',
  'http',
  'healthcheck.ts',
  'console',
  'usual-account.ts',
  'doctor',
  'infer',
  'proxy.ts',
  'listener.ts',
  'admin',
  'loopback',
  'statements',
  'operations',
  'session',
  'transfer',
  'services.ts',
  'activity',
  'backend',
  'connection',
  'config',
  'extension',
  'sql',
  'storage',
  'credentials',
  'formats',
  'log.ts',
  'memory-budget.ts',
  'thread.ts',
  'bulk-heap.ts',
  'bulk-turns.ts',
  'turns.ts',
  'protocol',
  'one-line.ts',
  'version.ts',
]

const SRC = join(import.meta.dirname, '../../src')
const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
const layerOf = (path: string): string => relative(SRC, path).split('/')[0] as string

test('every file is in a layer, and every layer has files', () => {
  expect(new Set(FILES.map(file => layerOf(join(SRC, file))))).toEqual(new Set(LAYERS))
})

test('imports go downwards', () => {
  const upwards: string[] = []
  for (const file of FILES) {
    const path = join(SRC, file)
    for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles) {
      if (!fileName.startsWith('.')) continue
      const [from, to] = [path, join(dirname(path), fileName)].map(layerOf) as [string, string]
      if (from !== to && LAYERS.indexOf(from) >= LAYERS.indexOf(to)) upwards.push(`${file} imports ${fileName}`)
    }
  }
  expect(upwards).toEqual([])
})

test('no files import each other in a circle', () => {
  const imports = new Map(
    FILES.map(file => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(SRC, file), 'utf8'))
      const own = importedFiles.map(({ fileName }) => fileName).filter(name => name.startsWith('.'))
      return [file, own.map(name => join(dirname(file), name))]
    }),
  )
  const circles: string[] = []
  const done = new Set<string>()
  const follow = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' > '))
    if (path.includes(file) || done.has(file)) return
    for (const next of imports.get(file) ?? []) follow(next, [...path, file])
    done.add(file)
  }
  for (const file of FILES) follow(file, [])
  expect(circles).toEqual([])
})

/** As a part of it: what is loaded with it alone. */
const OF_HTTP = 'workers/observed-workers.ts'

test('a proxy without --http loads nothing of it', () => {
  const loading = FILES.filter(
    file =>
      !file.startsWith('http/') &&
      file !== OF_HTTP &&
      /^import (?!type )[^']*'[./]*\/(?:http|workers\/observed)[-/]/m.test(readFileSync(join(SRC, file), 'utf8')),
  )
  expect(loading).toEqual([])
})
