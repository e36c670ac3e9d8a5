import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { StackAccess } from '../../src/dev/access.ts'
import { askStack } from '../../src/dev/control.ts'
import { processesNaming, startDev } from '../support/dev-process.ts'
import { query } from '../support/library.ts'
import { listProcesses } from '../support/processes.ts'

it.each([
  ['PostgreSQL', 'listen_addresses'],
  ['Azurite', '--location'],
])(
  'blobgres dev stops everything and says so when %s is killed, and its folder starts again',
  async (name, argument) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
    const run = async (statement: string) => {
      const { connectionUri } = (await askStack(dataDir, 'status')) as StackAccess
      return query(connectionUri, statement)
    }
    const dev = await startDev(dataDir)
    await run('CREATE TABLE kept AS SELECT 42 AS answer')
    const found = listProcesses().filter(({ command }) => command.includes(dataDir) && command.includes(argument))
    expect(found).toHaveLength(1)
    for (const { pid } of found) process.kill(pid, 'SIGKILL')

    const { status, stderr } = await dev.ended
    expect(status).toBe(1)
    expect(stderr).toContain(`blobgres: ${name} has ended unexpectedly`)
    expect(processesNaming(dataDir)).toEqual([])

    const next = await startDev(dataDir)
    const facts = `SELECT answer, EXISTS (SELECT FROM azure_storage.blob_list('pgquickstart', 'samples')) AS samples FROM kept`
    expect(await run(facts)).toEqual([{ answer: 42, samples: true }])
    next.kill('SIGINT')
    expect(await next.ended).toMatchObject({ status: 0 })
    await rm(dataDir, { recursive: true, force: true })
  },
  120_000,
)
