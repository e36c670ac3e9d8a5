import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { processesNaming, startDev } from '../support/dev-process.ts'

it('blobgres dev takes its servers along when it is killed, and the next start takes over at once', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  const killed = await startDev(dataDir)
  killed.kill('SIGKILL')
  await killed.ended

  const next = await startDev(dataDir)
  const named = processesNaming(dataDir)
  expect(named.filter(command => command.includes('--location'))).toHaveLength(1)
  expect(named.filter(command => command.includes('listen_addresses'))).toHaveLength(1)

  next.kill('SIGINT')
  expect(await next.ended).toMatchObject({ status: 0 })
  expect(processesNaming(dataDir)).toEqual([])
  await rm(dataDir, { recursive: true, force: true })
})
