import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SAMPLE_ACCOUNT } from '../../src/dev/samples.ts'
import { trusting } from '../../src/storage/endpoints.ts'
import { startDev } from '../support/dev-process.ts'
import { psql } from '../support/psql.ts'

let dataDir: string
let dev: Awaited<ReturnType<typeof startDev>>
let url: string
let storage: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  dev = await startDev(dataDir, '--account', 'mystorage')
  url = `postgres://postgres@${/listens on ([\d.:]+)/.exec(dev.banner)?.[1]}/postgres`
  storage = /Azurite on ([\d.:]+)/.exec(dev.banner)?.[1] as string
})
afterAll(async () => {
  dev.kill('SIGTERM')
  expect(await dev.ended).toMatchObject({ status: 0, stderr: '' })
  await rm(dataDir, { recursive: true, force: true })
})

it('SQL written for managed identity runs unchanged', async () => {
  const credential = new StorageSharedKeyCredential('mystorage', SAMPLE_ACCOUNT.key)
  await new BlobServiceClient(`http://${storage}/mystorage`, credential).createContainer('data')
  const script = `
    SELECT azure_storage.account_add(azure_storage.account_options_managed_identity('mystorage', 'blob'));
    CREATE TABLE t AS SELECT 1 AS a, 'one' AS b;
    COPY t TO 'https://mystorage.blob.core.windows.net/data/t.csv';
    COPY t FROM 'https://mystorage.blob.core.windows.net/data/t.csv';
    SELECT azure_storage.blob_put('mystorage', 'data', 'put.csv', t) FROM t;
    SELECT * FROM azure_storage.blob_get('mystorage', 'data', 'put.csv') AS g (a int, b text);
    SELECT path, bytes FROM azure_storage.blob_list('mystorage', 'data');`
  const { stdout, stderr } = await psql(url, script)
  expect({ stdout: stdout.trim().split('\n'), stderr }).toEqual({
    stdout: ['1|one', '1|one', 'put.csv|12', 't.csv|6'],
    stderr: '',
  })
})

it("Azurite's own URLs work with http and with https, in COPY and for tools that trust its certificate", async () => {
  for (const scheme of ['http', 'https']) {
    const blob = `${scheme}://${storage}/pgquickstart/samples/storage_extension_sample.csv`
    expect(
      await psql(
        url,
        `CREATE TEMP TABLE s (a bigint, b text, c int, d timestamp); COPY s FROM '${blob}' (HEADER); SELECT count(*) FROM s`,
      ),
    ).toMatchObject({ stdout: '1000\n', stderr: '' })
    const options = {
      tlsOptions: trusting(await readFile(join(dataDir, 'azurite.crt'))),
      retryOptions: { maxTries: 1 },
    }
    const credential = new StorageSharedKeyCredential(SAMPLE_ACCOUNT.name, SAMPLE_ACCOUNT.key)
    const service = new BlobServiceClient(`${scheme}://${storage}/pgquickstart`, credential, options)
    expect(await service.getContainerClient('samples').getBlobClient('zipcodes.csv').exists()).toBe(true)
  }
})

it('the certificate is trusted by nobody else', async () => {
  await expect(fetch(`https://${storage}/pgquickstart`)).rejects.toMatchObject({
    cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  })
})
