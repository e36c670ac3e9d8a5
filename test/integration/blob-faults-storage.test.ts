import type pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type FaultyStorage, startFaultyStorage } from '../support/faulty-storage.ts'
import { azurite, servers } from '../support/servers.ts'

const BROKEN = { message: 'azure_storage: internal error while connecting', code: '08001' }
const ENDLESS = Number.POSITIVE_INFINITY
const ROWS = 60_000
const CSV = Array.from({ length: ROWS }, (_, i) => `${i},${'x'.repeat(100)}\n`).join('')

describe.each(servers)('blob functions and a storage that breaks, on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: FaultyStorage
  let client: pg.Client
  let get: string
  let put: (path: string) => string
  const start = async (bytesUntilCut: (connection: number) => number, beforeCut?: () => Promise<unknown>) => {
    storage = await startFaultyStorage(azurite, bytesUntilCut, beforeCut)
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    client = stack.client
    const args = `'${account.name}', '${stack.container.containerName}'`
    get = `INSERT INTO t SELECT * FROM azure_storage.blob_get(${args}, 'rows.csv') AS t (a int, b text)`
    put = path => `SELECT azure_storage.blob_put(${args}, '${path}', q)
      FROM (SELECT i, repeat('x', 1000) AS x FROM generate_series(1, 12000) i) q`
    await client.query('CREATE TABLE t (a int PRIMARY KEY, b text)')
    await stack.put('rows.csv', CSV)
  }
  afterEach(async () => {
    await stack.close()
    await storage.close()
  })

  test('a download that dies in the middle leaves no row', async () => {
    await start(connection => (connection === 0 ? 3_000_000 : 10))
    expect(await errorOf(client.query(get))).toMatchObject(BROKEN)
    expect((await client.query('SELECT count(*)::int FROM t')).rows).toEqual([{ count: 0 }])
  })

  test('a download that breaks now and then goes on', async () => {
    await start(connection => (connection < 4 ? 1_500_000 : ENDLESS))
    expect((await client.query(get)).rowCount).toBe(ROWS)
    expect(storage.connections).toBeGreaterThan(4)
  })

  test.each([
    ['replaced', (): Promise<unknown> => stack.put('rows.csv', '1,y\n')],
    ['deleted', (): Promise<unknown> => stack.container.deleteBlob('rows.csv')],
  ])('a blob that is %s while it is read', async (_, change) => {
    await start(
      connection => (connection === 0 ? 3_000_000 : ENDLESS),
      () => change(),
    )
    expect(await errorOf(client.query(get))).toMatchObject({
      code: '55000',
      message: 'azure_storage: the blob was changed while it was read',
    })
    expect((await client.query('SELECT count(*)::int FROM t')).rows).toEqual([{ count: 0 }])
  })

  test('an upload that dies leaves the old blob', async () => {
    await start(() => 10)
    await stack.put('old.csv', 'old')
    expect(await errorOf(client.query(put('old.csv')))).toMatchObject(BROKEN)
    expect(await stack.get('old.csv')).toBe('old')
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })
})
