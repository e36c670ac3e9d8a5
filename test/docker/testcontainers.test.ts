import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  let seed: string

  beforeAll(async () => {
    seed = await mkdtemp(join(tmpdir(), 'blobgres-seed-'))
    await mkdir(join(seed, ACCOUNT.name, 'seeded/deep'), { recursive: true })
    await writeFile(join(seed, ACCOUNT.name, 'seeded/deep/a.csv'), '1\n2\n')
    await writeFile(
      join(seed, '1.sql'),
      `CREATE TABLE seeded (a int); COPY seeded FROM 'https://${ACCOUNT.name}.blob.core.windows.net/seeded/deep/a.csv'`,
    )
    await chmod(seed, 0o755)
    container = await new BlobgresContainer()
      .withSeed(seed)
      .withDatabase(LOGIN.database)
      .withUsername(LOGIN.username)
      .withPassword(LOGIN.password)
      .withAccountName(ACCOUNT.name)
      .withAccountKey(ACCOUNT.key)
      .start()
  })

  afterAll(async () => {
    await container?.stop()
    await rm(seed, { recursive: true })
  })

  it('is seeded, as the admin, in its database', async () => {
    expect(await query(container.getConnectionUri(), 'SELECT sum(a), current_user FROM seeded')).toEqual([['3', 'ada']])
    const owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'seeded'"
    expect(await query(container.getConnectionUri(), owner)).toEqual([['ada']])
  })

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
  it('restores databases and blobs together, from the snapshot that is named', async () => {
    const uri = container.getConnectionUri()
    const blob = `https://${ACCOUNT.name}.blob.core.windows.net/seeded/number.csv`
    const write = (n: number) =>
      query(uri, `TRUNCATE seeded; INSERT INTO seeded VALUES (${n}); COPY seeded TO '${blob}'`)
    const read = () =>
      query(
        uri,
        `SELECT s.a, b.a FROM seeded AS s, azure_storage.blob_get('${ACCOUNT.name}', 'seeded', 'number.csv') AS b(a int)`,
      )
    await write(1)
    await container.snapshot()
    await write(2)
    await container.snapshot('second')
    await write(3)
    await container.restoreSnapshot()
    expect(await read()).toEqual([[1, 1]])
    await container.restoreSnapshot('second')
    expect(await read()).toEqual([[2, 2]])
    await expect(container.restoreSnapshot('none')).rejects.toThrow(/none/)
  })
})
