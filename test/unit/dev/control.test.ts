import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { askStack, startControl } from '../../../src/dev/control.ts'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'blobgres-control-test-'))
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dataDir, { recursive: true, force: true })
})

it('is reached by its data folder, where the folder for temporary files is too long for a socket', async () => {
  const deep = join(dataDir, 'x'.repeat(100))
  await mkdir(deep)
  vi.stubEnv('TMPDIR', deep)
  const control = await startControl(dataDir, { echo: async argument => argument }, () => {})
  expect(await askStack(dataDir, 'echo', 'a')).toBe('a')
  await expect(askStack(dataDir, 'toString')).rejects.toThrow('knows no "toString"')
  await control.hide()
  expect(await askStack(dataDir, 'echo', 'a')).toBeUndefined()
  await control.close()
})
