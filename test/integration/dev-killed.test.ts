import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { postgresOsUser } from '../../src/dev/os-user.ts'
import { processesNaming, startDev } from '../support/dev-process.ts'
import { giveToPostgres } from '../support/own-postgres.ts'

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

it("blobgres dev is not misled by a killed server's process id that is another's by now", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  const first = await startDev(dataDir)
  first.kill('SIGINT')
  await first.ended
  // PostgreSQL takes a process of its own OS user for a server.
  const other = spawn('sleep', ['600'], { ...(await postgresOsUser()), stdio: 'ignore' })
  try {
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
    await writeFile(pidFile, `${other.pid}\n${join(dataDir, 'postgres')}\n`)
    await giveToPostgres(pidFile)
    const next = await startDev(dataDir)
    next.kill('SIGINT')
    expect(await next.ended).toMatchObject({ status: 0, stderr: '' })
  } finally {
    other.kill()
    await rm(dataDir, { recursive: true, force: true })
  }
})
