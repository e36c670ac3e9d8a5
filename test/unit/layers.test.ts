import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

/** From the top down: a folder of src, or a file beside them, imports only what stands below it. */
const LAYERS = [
  'cli.ts',
  'dev',
  'healthcheck.ts',
  'proxy.ts',
  'server',
  'loopback',
  'session',
  'handlers',
  'services.ts',
  'backend',
  'config.ts',
  'options.ts',
  'tls-options.ts',
  'config',
  'sql',
  'extension',
  'storage',
  'formats',
  'log.ts',
  'memory-budget.ts',
  'protocol',
]

const SRC = join(import.meta.dirname, '../../src')
const layerOf = (path: string): string => relative(SRC, path).split('/')[0] as string

test('imports go downwards', () => {
  const upwards: string[] = []
  for (const file of readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))) {
    const path = join(SRC, file)
    for (const [, imported] of readFileSync(path, 'utf8').matchAll(/from '(\.[^']+)'/g)) {
      const [from, to] = [path, join(dirname(path), imported as string)].map(layerOf) as [string, string]
      if (from !== to && LAYERS.indexOf(from) >= LAYERS.indexOf(to)) upwards.push(`${file} imports ${imported}`)
    }
  }
  expect(upwards).toEqual([])
})
