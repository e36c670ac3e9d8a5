import { BlobServiceClient } from '@azure/storage-blob'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BlobgresContainer, type StartedBlobgresContainer } from '../../src/testcontainers.ts'
import { describeWithEngine } from '../support/docker.ts'

const LOGIN = { database: 'shop', username: 'ada', password: "it's a s3cret/" }
const ACCOUNT = { name: 'mystorage', key: Buffer.from('a key of their own').toString('base64') }

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
    .query({ text: sql, rowMode: 'array' })
    .then(({ rows }) => rows)
    .finally(() => client.end())
}

describeWithEngine('blobgres/testcontainers', () => {
  let container: StartedBlobgresContainer

  beforeAll(async () => {
    container = await new BlobgresContainer()
      .withDatabase(LOGIN.database)
      .withUsername(LOGIN.username)
      .withPassword(LOGIN.password)
      .withAccountName(ACCOUNT.name)
      .withAccountKey(ACCOUNT.key)
      .start()
  })

  afterAll(() => container?.stop())

  it('gives out the login that it was told', async () => {
    expect(await query(container.getConnectionUri(), 'SELECT current_user, current_database()')).toEqual([
      [container.getUsername(), container.getDatabase()],
    ])
    const wrong = container.getConnectionUri().replace(encodeURIComponent(container.getPassword()), 'wrong')
    await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  })

  it('has the account that it was told, for clients of the storage and for SQL', async () => {
    const service = BlobServiceClient.fromConnectionString(container.getStorageConnectionString())
    await service.createContainer('data')
    await service.getContainerClient('data').getBlockBlobClient('a.csv').upload('1\n', 2)
    const get = `SELECT a FROM azure_storage.blob_get('${container.getAccountName()}', 'data', 'a.csv') AS t(a int)`
    expect(await query(container.getConnectionUri(), get)).toEqual([[1]])
  })
})
