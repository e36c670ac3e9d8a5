import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StackAccess } from '../../src/dev/access.ts'
import { askStack } from '../../src/dev/control.ts'
import { OWN_DATABASE } from '../../src/dev/databases.ts'
import { type CliProcess, startDev } from '../support/dev-process.ts'
import { query } from '../support/library.ts'

const BLOB = 'https://pgquickstart.blob.core.windows.net/samples/state.csv'
/** Of a snapshot that was never one. */
const LEFT = 'blobgres_snapshot_0123456789ab_0'
const FACTS = `SELECT (SELECT a FROM state) AS row,
  (SELECT a FROM azure_storage.blob_get('pgquickstart', 'samples', 'state.csv') AS t (a int)) AS blob`

let dataDir: string
let dev: CliProcess
const access = async () => (await askStack(dataDir, 'status')) as StackAccess

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  dev = await startDev(dataDir)
  const { connectionUri } = await access()
  await query(connectionUri, 'CREATE TABLE state AS SELECT 1 AS a', `COPY state TO '${BLOB}'`)
  await askStack(dataDir, 'snapshot', 'one')
}, 120_000)

afterAll(async () => {
  dev?.kill('SIGINT')
  expect(await dev?.ended).toMatchObject({ status: 0 })
  await rm(dataDir, { recursive: true, force: true })
})

/** The stack, with 1 in snapshot "one" and 2 now, is killed in the midst of something, and started again: what it has then. */
async function afterKill(interrupt: (ownUri: string) => Promise<void>): Promise<unknown> {
  const { connectionUri, superuserUri } = await access()
  await query(connectionUri, 'UPDATE state SET a = 2', `COPY state TO '${BLOB}'`)
  await interrupt(superuserUri.replace(/postgres$/, OWN_DATABASE))
  dev.kill('SIGKILL')
  await dev.ended

  dev = await startDev(dataDir)
  const again = await access()
  const [facts] = await query(again.connectionUri, FACTS)
  const left = `SELECT FROM pg_database WHERE datname ~ '^blobgres_(new|old)' OR datname = '${LEFT}'`
  expect(await query(again.superuserUri, left)).toEqual([])
  return facts
}

it('a restore that was killed after its databases were in place is done again', async () => {
  const facts = await afterKill(async ownUri => {
    await query(ownUri, `INSERT INTO under_way (restored) VALUES ('one')`)
  })
  expect(facts).toEqual({ row: 1, blob: 1 })
}, 120_000)

it('databases that a killed snapshot had closed are open again, and what it had made is gone', async () => {
  const facts = await afterKill(async ownUri => {
    await query(
      ownUri,
      `CREATE DATABASE ${LEFT} ALLOW_CONNECTIONS false`,
      `INSERT INTO under_way (closed) VALUES ('{app,postgres}')`,
      'ALTER DATABASE app ALLOW_CONNECTIONS false',
    )
  })
  expect(facts).toEqual({ row: 2, blob: 2 })
}, 120_000)

it('whenever a restore is killed, databases and blobs are of one time', async () => {
  const facts = await afterKill(async () => {
    askStack(dataDir, 'restore', 'one').catch(() => {})
    await sleep(60)
  })
  expect([1, 2].map(n => ({ row: n, blob: n }))).toContainEqual(facts)
}, 120_000)
