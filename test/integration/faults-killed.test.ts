import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Azurite, startAzurite } from '../../src/dev/azurite.ts'
import type { Child } from '../../src/dev/child.ts'
import { embeddedBinaries } from '../../src/dev/embedded-postgres.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { postgresOsUser } from '../../src/dev/os-user.ts'
import { initCluster, startPostgres } from '../../src/dev/postgres.ts'
import { type CliProcess, startCli } from '../support/dev-process.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const ACCOUNT = { name: 'killacct', key: Buffer.from('a key '.repeat(8)).toString('base64') }
const BLOB = `https://${ACCOUNT.name}.blob.core.windows.net/box/rows.csv`

/** Servers of its own: who kills a backend ends all sessions of its server. */
let dir: string
let postgres: Child
let azurite: Azurite
let proxy: CliProcess
let listen: string
let direct: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobgres-killed-'))
  const osUser = await postgresOsUser()
  if (osUser.uid !== undefined && osUser.gid !== undefined) await chown(dir, osUser.uid, osUser.gid)
  const options = { binaries: await embeddedBinaries('embedded-postgres'), dataDir: join(dir, 'postgres'), osUser }
  await initCluster(options, ['--no-locale'])
  const port = await freePort()
  postgres = await startPostgres(options, { port, unix_socket_directories: dir, fsync: 'off' })
  direct = `postgres://postgres@127.0.0.1:${port}/postgres`
  await mkdir(join(dir, 'azurite'))
  await startStorage(0)
  listen = `127.0.0.1:${await freePort()}`
  await startServe()
  const client = await WireClient.connect(url())
  await client.query(`CREATE EXTENSION azure_storage; CREATE TABLE t (a int)`)
  await client.query(`SELECT azure_storage.account_add('${ACCOUNT.name}', '${ACCOUNT.key}')`)
  await client.close()
})
afterAll(async () => {
  proxy.kill('SIGTERM')
  await proxy.ended
  await Promise.all([azurite.stop(), postgres.stop()])
  await rm(dir, { recursive: true })
})

const url = (): string => `postgres://postgres@${listen}/postgres`

async function startStorage(port: number): Promise<void> {
  azurite = await startAzurite({ accounts: [ACCOUNT], port, location: join(dir, 'azurite') })
  await fillStorage()
}

/** Azurite saves what it knows now and then; killed, it may have forgotten. */
async function fillStorage(): Promise<void> {
  const service = azurite.endpointTemplate.replace('{account}', ACCOUNT.name)
  const credential = new StorageSharedKeyCredential(ACCOUNT.name, ACCOUNT.key)
  const container = new BlobServiceClient(service, credential).getContainerClient('box')
  await container.createIfNotExists()
  await container.getBlockBlobClient('rows.csv').upload('1\n2\n', 4)
}

async function startServe(): Promise<void> {
  proxy = startCli(['serve', '--backend', direct, '--listen', listen, '--storage-endpoint', azurite.endpointTemplate])
  await proxy.logged(/"listening"/)
}

/** Everything works: an import, and a function that calls the proxy back. */
async function expectWorking(): Promise<void> {
  const client = await WireClient.connect(url())
  expect(await client.query(`BEGIN; COPY t FROM '${BLOB}'; ROLLBACK`)).toContain('C COPY 2.')
  expect(await client.value(`SELECT count(*) FROM azure_storage.blob_list('${ACCOUNT.name}', 'box')`)).toBe('1')
  expect(await client.value('SELECT count(*) FROM t')).toBe('0')
  await client.close()
}

it('a backend that is killed takes all sessions of its server with it, and the proxy serves the next', async () => {
  const [victim, bystander] = [await WireClient.connect(url()), await WireClient.connect(url())]
  victim.send(wire.query('SELECT pg_sleep(30)'))
  await bystander.query('SELECT 1')
  process.kill(victim.pid, 'SIGKILL')
  expect(await victim.until('EOF')).toEqual(['EOF'])
  expect((await bystander.until('EOF')).at(-1)).toBe('EOF')
  // Until it has recovered, the server says so itself.
  await expect.poll(() => tryLogin(), { timeout: 15_000, interval: 50 }).toBe('Z I')
  await expectWorking()
})

async function tryLogin(): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url() })
  client.on('error', () => {})
  try {
    await client.connect()
    return 'Z I'
  } catch (error) {
    const { code } = error as { code?: string }
    // 57P03: starting up; 57P02 and a closed connection: about to go down.
    if (code !== undefined) expect(code).toMatch(/^(57P0[123]|ECONNRESET)$/)
    return code
  } finally {
    await client.end().catch(() => {})
  }
}

it('a storage that is killed fails the statement, and is found again', async () => {
  await azurite.stop('SIGKILL')
  const client = await WireClient.connect(url())
  const replies = await client.query(`COPY t FROM '${BLOB}'`)
  expect(replies).toEqual([
    expect.stringMatching(/^E ERROR 08001 azure_storage: internal error while connecting/),
    'Z I',
  ])
  await startStorage(azurite.port)
  await client.close()
  await expectWorking()
})

it('a proxy that is killed leaves nothing in the server, and its successor takes over', async () => {
  const client = await WireClient.connect(url())
  client.send(wire.query('SELECT pg_sleep(0.5)'))
  const idle = await WireClient.connect(url())
  proxy.kill('SIGKILL')
  expect((await client.until('EOF')).at(-1)).toBe('EOF')
  expect(await idle.until('EOF')).toEqual(['EOF'])
  await proxy.ended
  await startServe()
  const watcher = new pg.Client({ connectionString: direct })
  await watcher.connect()
  const others = `SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
  await expect.poll(async () => (await watcher.query(others)).rowCount).toBe(0)
  await watcher.end()
  await expectWorking()
})
