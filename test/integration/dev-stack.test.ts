import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SAMPLE_ACCOUNT } from '../../src/dev/samples.ts'
import { processesNaming, startCli, startDev } from '../support/dev-process.ts'
import { psql } from '../support/psql.ts'

/** The psql command's address and the statements, as a user would take them from the banner. */
function parseBanner(banner: string): { url: string; statements: string } {
  const [, host, port, user, database] = /psql -h (\S+) -p (\d+) -U (\S+) (\S+)\n/.exec(banner) ?? []
  const statements = /and paste\n([\s\S]+?)\n\n/.exec(banner)?.[1] ?? ''
  return { url: `postgres://${user}@${host}:${port}/${database}`, statements }
}

describe('blobgres dev', () => {
  let dataDir: string
  let dev: Awaited<ReturnType<typeof startDev>>

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
    dev = await startDev(dataDir)
  })

  afterAll(async () => {
    dev.kill('SIGTERM')
    await dev.ended
    await rm(dataDir, { recursive: true, force: true })
  })

  it('tells what it does while it starts', async () => {
    const steps = ['Making a database with initdb …', 'Preparing samples and the database app …']
    expect(await dev.logged(/Preparing/)).toBe(`${steps.join('\n')}\n`)
  })

  it('tells clients of the storage how to connect', async () => {
    const [connectionString = ''] = /^ *(DefaultEndpoints\S+)$/m.exec(dev.banner)?.slice(1) ?? []
    const service = BlobServiceClient.fromConnectionString(connectionString)
    expect(await service.getContainerClient('samples').exists()).toBe(true)
  })

  it('announces the extension as Azure does', async () => {
    const { url } = parseBanner(dev.banner)
    expect(await psql(url, 'SHOW azure.extensions')).toMatchObject({ stdout: 'azure_storage\n', stderr: '' })
  })

  it('has an admin as on Azure, whose URL comes first', async () => {
    const { url } = parseBanner(dev.banner)
    expect(/postgres:\S+/.exec(dev.banner)?.[0]).toBe(url)
    const facts = `SELECT rolsuper, rolcreaterole, rolcreatedb, pg_has_role('azure_pg_admin', 'MEMBER'),
        pg_has_role('azure_storage_admin', 'USAGE'), datdba = u.oid, extowner = 'azure_pg_admin'::regrole
      FROM pg_roles AS u, pg_database, pg_extension
      WHERE rolname = current_user AND datname = current_database() AND extname = 'azure_storage'`
    expect(await psql(url, facts)).toMatchObject({ stdout: 'f|t|t|t|t|t|t\n', stderr: '' })
    expect(await psql(url, 'SELECT * FROM blobgres.faults()')).toMatchObject({ stdout: '', stderr: '' })
    expect(await psql(url, 'SHOW shared_preload_libraries')).toMatchObject({ stdout: 'azure_storage\n', stderr: '' })
  })

  it('has samples in place', async () => {
    const port = /Azurite on 127\.0\.0\.1:(\d+)/.exec(dev.banner)?.[1]
    const { name, key } = SAMPLE_ACCOUNT
    const service = new BlobServiceClient(`http://127.0.0.1:${port}/${name}`, new StorageSharedKeyCredential(name, key))
    const container = service.getContainerClient('samples')
    const names: string[] = []
    for await (const blob of container.listBlobsFlat()) names.push(blob.name)
    expect(names).toEqual(
      expect.arrayContaining([
        'airports.csv',
        'birdstrikes.csv',
        'csv_without_extension',
        'earthquakes.json',
        'flights-3m.parquet',
        'parquet_without_extension',
        'storage_extension_sample.csv',
        'storage_extension_sample.csv.gz',
        'storage_extension_sample.parquet',
        'unemployment.tsv',
        'zipcodes.csv',
        'zipcodes.csv.gz',
      ]),
    )
    for (const [named, bare] of [
      ['storage_extension_sample.csv', 'csv_without_extension'],
      ['storage_extension_sample.parquet', 'parquet_without_extension'],
    ] as const) {
      const [first, second] = [container.getBlobClient(named), container.getBlobClient(bare)]
      expect(await first.downloadToBuffer()).toEqual(await second.downloadToBuffer())
    }
  })

  it('prints statements that run as they are, again and again', async () => {
    const { url, statements } = parseBanner(dev.banner)
    for (const _ of [1, 2]) {
      expect(await psql(url, statements)).toMatchObject({ stderr: expect.not.stringContaining('ERROR'), status: 0 })
    }
    expect((await psql(url, 'SELECT count(*), count(*) FILTER (WHERE sample_integer = 780) FROM sample')).stdout).toBe(
      '1000|1\n',
    )
  })

  it('runs SQL from the command line, and from standard input', async () => {
    const run = (...args: readonly string[]) => startCli(['sql', '--data-dir', dataDir, ...args])
    const list = /blobgres sql "(.*)"/.exec(dev.banner)?.[1] ?? ''
    const { status, stdout } = await run(list).ended
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^ zipcodes\.csv +\| +\d+$/m) })
    const failed = await run('--url', parseBanner(dev.banner).url, 'SELECT 1 / 0').ended
    expect(failed).toEqual({ status: 1, stdout: '', stderr: 'ERROR:  division by zero\n' })
    const piped = run()
    piped.write('SELECT 1 AS one; SELECT 2 AS two')
    expect(await piped.ended).toMatchObject({
      stdout: ' one \n-----\n   1\n(1 row)\n\n two \n-----\n   2\n(1 row)\n\n',
    })
  })

  it('keeps its data from run to run, and leaves no process behind', async () => {
    await psql(parseBanner(dev.banner).url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    dev.kill('SIGTERM')
    expect(await dev.ended).toMatchObject({ status: 0, stderr: '' })
    expect(processesNaming(dataDir)).toEqual([])

    dev = await startDev(dataDir)
    const { url } = parseBanner(dev.banner)
    expect(await psql(url, 'SELECT answer FROM kept')).toMatchObject({ stdout: '42\n' })
  })
})
