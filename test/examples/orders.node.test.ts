import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { BlobServiceClient } from '@azure/storage-blob'
import { type Blobgres, startBlobgres } from 'blobgres'
import pg from 'pg'

let stack: Blobgres

before(async () => {
  stack = await startBlobgres({ accounts: ['mystorage'], containers: ['inbox'] })
})

beforeEach(() => stack.reset())

after(() => stack.stop())

test('imports what somebody uploaded', async () => {
  const storage = BlobServiceClient.fromConnectionString(stack.storageConnectionString)
  await storage.getContainerClient('inbox').getBlockBlobClient('orders.csv').uploadData(Buffer.from('1,9.95\n'))

  const client = new pg.Client(stack.connectionUri)
  await client.connect()
  await client.query('CREATE TABLE orders (id int, amount numeric)')
  await client.query("COPY orders FROM 'https://mystorage.blob.core.windows.net/inbox/orders.csv'")
  const { rows } = await client.query('SELECT * FROM orders')
  await client.end()
  assert.deepEqual(rows, [{ id: 1, amount: '9.95' }])
})
