import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CliProcess, startCli } from '../support/dev-process.ts'
import { needTool } from '../support/tools.ts'

const ADMIN = { user: 'ada', password: "it's a s3cret", database: 'My "data"' }
const ACCOUNT = { name: 'mystorage', key: Buffer.from('a key of their own').toString('base64') }

let folder: string
let dev: CliProcess
let banner: string

beforeAll(async () => {
  needTool('psql')
  folder = await mkdtemp(join(tmpdir(), 'blobgres-admin-'))
  const scripts = join(folder, 'scripts')
  await mkdir(scripts)
  await writeFile(join(scripts, 'a.sql'), 'CREATE TABLE of_script AS SELECT current_user AS name;')
  const args = ['--data-dir', join(folder, 'data'), '--listen', '127.0.0.1:0', '--azurite-port', '0']
  args.push('--account', ACCOUNT.name, '--admin-user', ADMIN.user, '--database-name', ADMIN.database)
  args.push('--init-scripts', scripts)
  dev = startCli(['dev', ...args], { BLOBGRES_ADMIN_PASSWORD: ADMIN.password, BLOBGRES_ACCOUNT_KEY: ACCOUNT.key })
  banner = await dev.printed(/Ctrl-C/)
})

afterAll(async () => {
  dev?.kill('SIGTERM')
  await dev?.ended
  await rm(folder, { recursive: true, force: true })
})

async function query(login: pg.ClientConfig, sql: string): Promise<unknown[]> {
  const [, host, port] = /listens on (\S+):(\d+)/.exec(banner) ?? []
  const client = new pg.Client({ host: host as string, port: Number(port), ...login })
  await client.connect()
  return client
    .query({ text: sql, rowMode: 'array' })
    .then(({ rows }) => rows)
    .finally(() => client.end())
}

it('blobgres dev has the admin, the database and the account that it is told, for scripts too', async () => {
  expect(await query(ADMIN, 'SELECT name, current_database() FROM of_script')).toEqual([[ADMIN.user, ADMIN.database]])
  const accounts = 'SELECT account_name FROM azure_storage.account_list() ORDER BY 1'
  expect(await query(ADMIN, accounts)).toEqual([['devstoreaccount1'], [ACCOUNT.name], ['pgquickstart']])
})

it('only with its password', async () => {
  await expect(query({ ...ADMIN, password: 'wrong' }, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  expect(banner).not.toContain(ADMIN.password)
})

it('is told how to connect in words for a shell', () => {
  expect(banner).toContain(` -U ada '${ADMIN.database}'\n`)
})

it('the account has its key', async () => {
  const [, address] = /Azurite on (\S+)/.exec(banner) ?? []
  const credential = new StorageSharedKeyCredential(ACCOUNT.name, ACCOUNT.key)
  const container = new BlobServiceClient(`http://${address}/${ACCOUNT.name}`, credential).getContainerClient('data')
  await container.create()
  await container.getBlockBlobClient('a').upload('1\n', 2)
  const list = `SELECT path FROM azure_storage.blob_list('${ACCOUNT.name}', 'data')`
  expect(await query(ADMIN, list)).toEqual([['a']])
})
