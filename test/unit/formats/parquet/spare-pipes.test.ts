import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takePipe } from '../../../../src/formats/parquet/spare-pipes.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spare-pipes-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const spare = (): string[] => readdirSync(folder).filter(name => name.startsWith('spare-'))

test('many pipes are made at a time, and each is taken once', async () => {
  const paths = Array.from({ length: 20 }, (_, i) => join(folder, `taken-${i}`))
  await takePipe(folder, paths[0] as string)
  const before = spare()
  expect(before.length).toBeGreaterThan(10)
  for (const path of paths.slice(1)) await takePipe(folder, path)
  expect(new Set(paths.map(path => statSync(path).ino)).size).toBe(20)
  expect(paths.every(path => statSync(path).isFIFO())).toBe(true)
  expect(spare().some(name => before.includes(name))).toBe(false)
})

test('one that somebody has removed is passed over', async () => {
  await takePipe(folder, join(folder, 'first'))
  for (const name of spare()) rmSync(join(folder, name))
  await takePipe(folder, join(folder, 'second'))
  expect(statSync(join(folder, 'second')).isFIFO()).toBe(true)
})
