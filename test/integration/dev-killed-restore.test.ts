import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { askStack } from '../../src/dev/control.ts'
import { startDev } from '../support/dev-process.ts'
import { query } from '../support/library.ts'

const FACTS = `SELECT (SELECT a FROM state) AS row,
  (SELECT a FROM azure_storage.blob_get('pgquickstart', 'samples', 'state.csv') AS t (a int)) AS blob`
const BLOB = 'https://pgquickstart.blob.core.windows.net/samples/state.csv'

it.each([
  ['snapshot', 30],
  ['restore', 40],
  ['restore', 90],
])(
  'a stack that is killed in the middle of %s, after %i ms, starts again as a whole',
  async (verb, delay) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
    const uri = async () => ((await askStack(dataDir, 'status')) as { connectionUri: string }).connectionUri
    const dev = await startDev(dataDir)
    await query(await uri(), 'CREATE TABLE state AS SELECT 1 AS a', `COPY state TO '${BLOB}'`)
    await askStack(dataDir, 'snapshot', 'one')
    await query(await uri(), 'UPDATE state SET a = 2', `COPY state TO '${BLOB}'`)
    const asked = askStack(dataDir, verb, 'one').catch(() => {})
    await sleep(delay)
    dev.kill('SIGKILL')
    await Promise.all([dev.ended, asked])

    const next = await startDev(dataDir)
    const [facts] = (await query(await uri(), FACTS)) as { row: number; blob: number }[]
    expect([verb === 'restore' ? 1 : 2, 2]).toContain(facts?.row)
    expect(facts?.blob).toBe(facts?.row)
    const left = `SELECT FROM pg_database WHERE datname ~ '^blobgres_(new|old)'`
    expect(await query(await uri(), left)).toEqual([])
    await askStack(dataDir, 'restore', 'one')
    expect(await query(await uri(), 'SELECT FROM state WHERE a < 3')).toHaveLength(1)
    next.kill('SIGINT')
    expect(await next.ended).toMatchObject({ status: 0, stderr: '' })
    await rm(dataDir, { recursive: true, force: true })
  },
  120_000,
)
