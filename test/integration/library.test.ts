import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient } from '@azure/storage-blob'
import { expect, it } from 'vitest'
import { type Blobgres, startBlobgres } from '../../src/index.ts'
import { query } from '../support/library.ts'

it('starts stacks beside each other, each with servers and data of its own', async () => {
  const stacks = await Promise.all([
    startBlobgres(),
    startBlobgres({ accounts: ['mystorage'], containers: ['first', 'second'] }),
  ])
  const url = 'https://pgquickstart.blob.core.windows.net/samples/number.csv'
  for (const [i, { connectionUri }] of stacks.entries()) {
    await query(connectionUri, `CREATE TABLE number AS SELECT ${i} AS i`, `COPY number TO '${url}'`)
  }
  for (const [i, { connectionUri }] of stacks.entries()) {
    const blob = `azure_storage.blob_get('pgquickstart', 'samples', 'number.csv')`
    expect(await query(connectionUri, `SELECT i FROM number JOIN ${blob} AS b(i int) USING (i)`)).toEqual([{ i }])
  }
  // Faults are there, other extras are not.
  const [first] = stacks as [Blobgres, Blobgres]
  await query(first.connectionUri, `SELECT blobgres.inject('denied', 'pgquickstart', 'samples', 'number.*')`)
  for (const [i, { connectionUri }] of stacks.entries()) {
    const copied = query(connectionUri, `COPY number FROM '${url}'`).catch(error => error.code)
    expect(await copied).toEqual(i === 0 ? '42501' : [])
    await expect(query(connectionUri, `COPY (SELECT 1) TO '${url}'`)).rejects.toMatchObject({ code: '0A000' })
  }
  await stacks[0]?.reset()
  expect(await query(stacks[1]?.connectionUri ?? '', 'SELECT DISTINCT i FROM number')).toEqual([{ i: 1 }])
  const accounts = stacks.map(({ storageConnectionString }) =>
    BlobServiceClient.fromConnectionString(storageConnectionString),
  )
  expect(accounts.map(({ accountName }) => accountName)).toEqual(['pgquickstart', 'mystorage'])
  const second = 'https://mystorage.blob.core.windows.net/second/a.csv'
  await query(stacks[1]?.connectionUri ?? '', `COPY number TO '${second}'`)
  expect(await accounts[1]?.getContainerClient('second').getBlobClient('a.csv').exists()).toBe(true)
  await Promise.all(stacks.map(stack => stack.stop()))
  for (const { connectionUri } of stacks) await expect(query(connectionUri, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
}, 120_000)

it('keeps what is in a folder that it is told, its snapshots too, and stops where it is disposed of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-library-'))
  const dataDir = join(folder, 'data')
  const read = 'SELECT a FROM kept'
  {
    await using stack = await startBlobgres({ dataDir })
    await query(stack.connectionUri, 'CREATE TABLE kept AS SELECT 1 AS a')
    await stack.snapshot('one')
    await query(stack.connectionUri, 'UPDATE kept SET a = 2')
  }
  expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  {
    await using stack = await startBlobgres({ dataDir, accounts: ['later'] })
    expect(await query(stack.connectionUri, read)).toEqual([{ a: 2 }])
    await stack.restoreSnapshot('one')
    expect(await query(stack.connectionUri, read)).toEqual([{ a: 1 }])
    const account = `SELECT FROM azure_storage.account_list() WHERE account_name = 'later'`
    expect(await query(stack.connectionUri, account)).toHaveLength(1)
    await expect(stack.restoreSnapshot('two')).rejects.toThrow('there is no snapshot "two"')
  }
  await rm(folder, { recursive: true })
}, 120_000)

it('keeps nothing in memory, and says so', async () => {
  await expect(startBlobgres({ inMemory: true, dataDir: '/tmp/x' })).rejects.toThrow(/no dataDir/)
})
