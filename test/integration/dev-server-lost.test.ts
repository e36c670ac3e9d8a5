import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { processesNaming, startDev } from '../support/dev-process.ts'

it('blobgres dev stops everything and says so when one of its servers is gone', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  const dev = await startDev(dataDir)
  const postmaster = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  process.kill(Number(postmaster.split('\n')[0]), 'SIGKILL')

  const { status, stderr } = await dev.ended
  expect(status).toBe(1)
  expect(stderr).toContain('blobgres: PostgreSQL has ended unexpectedly')
  expect(processesNaming(dataDir)).toEqual([])
  await rm(dataDir, { recursive: true, force: true })
})
