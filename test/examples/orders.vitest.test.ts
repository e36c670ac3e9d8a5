import { type Blobgres, startBlobgres } from 'blobgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

let stack: Blobgres
let pool: pg.Pool

beforeAll(async () => {
  stack = await startBlobgres({ accounts: ['mystorage'], containers: ['exports'] })
  pool = new pg.Pool({ connectionString: stack.connectionUri })
  pool.on('error', () => {}) // reset() ends idle connections; the pool opens new ones
  await pool.query('CREATE TABLE orders (id int, amount numeric)') // your migrations
  await stack.snapshot()
}, 60_000)

beforeEach(() => stack.restoreSnapshot())

afterAll(async () => {
  await pool.end()
  await stack.stop()
})

test('exports orders', async () => {
  await pool.query('INSERT INTO orders VALUES (1, 9.95)')
  await pool.query("COPY orders TO 'https://mystorage.blob.core.windows.net/exports/orders.csv'")
  const { rows } = await pool.query("SELECT path FROM azure_storage.blob_list('mystorage', 'exports')")
  expect(rows).toEqual([{ path: 'orders.csv' }])
})

test('starts with none', async () => {
  const { rows } = await pool.query(
    "SELECT (SELECT count(*) FROM orders) AS orders, count(*) AS blobs FROM azure_storage.blob_list('mystorage', 'exports')",
  )
  expect(rows).toEqual([{ orders: '0', blobs: '0' }])
})
