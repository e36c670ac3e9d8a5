import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import pg from 'pg'
import { expect, it } from 'vitest'
import { SAMPLE_ACCOUNT } from '../../src/dev/samples.ts'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { createDatabase } from '../support/database.ts'
import { CLI, startProgram } from '../support/dev-process.ts'
import { azurite, servers } from '../support/servers.ts'

const AS_PSQL_WOULD = { PGPORT: '1', PGUSER: 'nobody', PGSSLMODE: 'require', PGOPTIONS: '-c search_path=elsewhere' }

it.each(servers)(
  'serve has server, storage and account from .env, on PostgreSQL $version',
  async server => {
    const folder = await mkdtemp(join(tmpdir(), 'blobgres-env-'))
    const database = await createDatabase(server)
    const container = await createContainer()
    const endpoint = azurite.endpointTemplate.replace('{account}', account.name)
    const connectionString = `AccountName=${account.name};AccountKey=${account.key};BlobEndpoint=${endpoint}`
    await writeFile(
      join(folder, '.env'),
      `DATABASE_URL=${database.url}?schema=public\nAZURE_STORAGE_CONNECTION_STRING="${connectionString}"\n`,
    )
    /** Runs statements through a proxy that has nothing but the file. */
    const serve = async (expectedLog: RegExp, ...statements: readonly string[]): Promise<unknown[]> => {
      const proxy = startProgram([...CLI, 'serve', '--listen', '127.0.0.1:0'], { cwd: folder, env: AS_PSQL_WOULD })
      const log = await proxy.logged(expectedLog)
      expect(log).not.toContain(account.key)
      const url = new URL(database.url)
      url.host = `127.0.0.1:${/"port":(\d+),"msg":"listening"/.exec(log)?.[1]}`
      const client = new pg.Client(url.href)
      await client.connect()
      const rows: unknown[] = []
      try {
        for (const statement of statements) rows.push(...(await client.query(statement)).rows)
      } finally {
        await client.end()
        proxy.kill('SIGTERM')
        await proxy.ended
      }
      return rows
    }

    await serve(/not registered: the database has no azure_storage/, 'CREATE EXTENSION azure_storage')
    const rows = await serve(
      /"account of the environment registered"/,
      'CREATE TABLE t AS SELECT 1 AS a',
      `COPY t TO 'https://${account.name}.blob.core.windows.net/${container.containerName}/t.csv'`,
      `SELECT * FROM azure_storage.blob_get('${account.name}', '${container.containerName}', 't.csv') AS r(a int)`,
      `SELECT azure_storage.account_add('${account.name}', 'YW5vdGhlcg==')`,
    )
    expect(rows[0]).toEqual({ a: 1 })
    // What somebody has changed in the database stays.
    await expect(
      serve(
        /"listening"/,
        `COPY t TO 'https://${account.name}.blob.core.windows.net/${container.containerName}/u.csv'`,
      ),
    ).rejects.toThrow(/azure_storage/)
    await container.delete()
    await database.drop()
    await rm(folder, { recursive: true })
  },
  120_000,
)

it('dev has servers of its own, and the account that the environment names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-env-'))
  const options = ['--data-dir', folder, '--listen', '127.0.0.1:0', '--azurite-port', '0']
  const env = { ...AS_PSQL_WOULD, PGHOST: '192.0.2.1', AZURE_STORAGE_ACCOUNT: 'fromtheenvironment' }
  const dev = startProgram([...CLI, 'dev', ...options], { env })
  const port = /Azurite on 127\.0\.0\.1:(\d+)/.exec(await dev.printed(/Ctrl-C/))?.[1]
  const credential = new StorageSharedKeyCredential(env.AZURE_STORAGE_ACCOUNT, SAMPLE_ACCOUNT.key)
  const url = `http://127.0.0.1:${port}/${env.AZURE_STORAGE_ACCOUNT}`
  await new BlobServiceClient(url, credential).createContainer('mine')
  dev.kill('SIGTERM')
  expect(await dev.ended).toMatchObject({ status: 0 })
  await rm(folder, { recursive: true })
}, 120_000)
