import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient } from '@azure/storage-blob'
import pg from 'pg'
import { expect, it } from 'vitest'
import { type Blobgres, startBlobgres } from '../../src/index.ts'

async function query({ connectionUri }: Blobgres, ...statements: readonly string[]): Promise<unknown[]> {
  const client = new pg.Client(connectionUri)
  await client.connect()
  try {
    const results = []
    for (const statement of statements) results.push(await client.query(statement))
    return results.at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}

it('starts stacks beside each other, each with servers and data of its own', async () => {
  const stacks = await Promise.all([startBlobgres(), startBlobgres({ accounts: ['mystorage'] })])
  const url = 'https://pgquickstart.blob.core.windows.net/samples/number.csv'
  for (const [i, stack] of stacks.entries()) {
    await query(stack, `CREATE TABLE number AS SELECT ${i} AS i`, `COPY number TO '${url}'`)
  }
  for (const [i, stack] of stacks.entries()) {
    const blob = `azure_storage.blob_get('pgquickstart', 'samples', 'number.csv')`
    expect(await query(stack, `SELECT i FROM number JOIN ${blob} AS b(i int) USING (i)`)).toEqual([{ i }])
  }
  // Faults are there, other extras are not.
  const [first] = stacks as [Blobgres, Blobgres]
  await query(first, `SELECT blobgres.inject('denied', 'pgquickstart', 'samples', 'number.*')`)
  for (const [i, stack] of stacks.entries()) {
    const copied = query(stack, `COPY number FROM '${url}'`).catch(error => error.code)
    expect(await copied).toEqual(i === 0 ? '42501' : [])
    await expect(query(stack, `COPY (SELECT 1) TO '${url}'`)).rejects.toMatchObject({ code: '0A000' })
  }
  const accounts = stacks.map(({ storageConnectionString }) =>
    BlobServiceClient.fromConnectionString(storageConnectionString),
  )
  expect(accounts.map(({ accountName }) => accountName)).toEqual(['pgquickstart', 'mystorage'])
  for (const account of accounts)
    expect((await account.createContainer('mine')).containerCreateResponse.errorCode).toBe(undefined)
  await Promise.all(stacks.map(stack => stack.stop()))
  for (const stack of stacks) await expect(query(stack, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
}, 120_000)

it('keeps what is in a folder that it is told, and stops where it is disposed of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-library-'))
  const dataDir = join(folder, 'data')
  for (const expected of [[], [{ a: 1 }]]) {
    await using stack = await startBlobgres({ dataDir })
    await query(stack, 'CREATE TABLE IF NOT EXISTS kept (a int)')
    expect(await query(stack, 'SELECT * FROM kept')).toEqual(expected)
    if (expected.length === 0) await query(stack, 'INSERT INTO kept VALUES (1)')
  }
  expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  await rm(folder, { recursive: true })
}, 120_000)
