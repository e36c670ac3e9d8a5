import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { StackAccess } from '../../src/dev/access.ts'
import { askStack } from '../../src/dev/control.ts'
import { startDev } from '../support/dev-process.ts'
import { query } from '../support/library.ts'

it("blobgres dev lets the admin have the superuser's database", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  const dev = await startDev(dataDir, '--database-name', 'postgres')
  const { connectionUri } = (await askStack(dataDir, 'status')) as StackAccess
  const list = `SELECT count(*)::int AS blobs, current_user AS me FROM azure_storage.blob_list('pgquickstart', 'samples')`
  expect(await query(connectionUri, 'CREATE TABLE mine ()', list)).toEqual([
    { blobs: expect.any(Number), me: 'myadmin' },
  ])
  dev.kill('SIGINT')
  expect(await dev.ended).toMatchObject({ status: 0 })
  await rm(dataDir, { recursive: true, force: true })
}, 120_000)
