import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerClient } from '@azure/storage-blob'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { freePort } from '../../src/dev/free-port.ts'
import { errorOf } from '../support/copy-stack.ts'
import { adminQuery, createDatabase, type TestDatabase } from '../support/database.ts'
import { type CliProcess, startCli } from '../support/dev-process.ts'
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/imds.ts'
import { type OauthAzurite, startOauthAzurite } from '../support/oauth-azurite.ts'
import { servers, type TestServer } from '../support/servers.ts'

const server = servers[1] as TestServer
let azurite: OauthAzurite
let container: ContainerClient
let endpoint: IdentityEndpoint
let database: TestDatabase
let proxy: CliProcess
let client: pg.Client

beforeAll(async () => {
  ;[azurite, endpoint] = await Promise.all([startOauthAzurite(), startIdentityEndpoint()])
  container = azurite.service.getContainerClient('data')
  await container.create()
})
afterAll(() => Promise.all([azurite.close(), endpoint.close()]))

/** A proxy of its own each time: its process is what keeps a token, and what trusts the certificate. */
beforeEach(async () => {
  endpoint.mode = 'well'
  endpoint.requests.length = 0
  database = await createDatabase(server)
  const listen = `127.0.0.1:${await freePort()}`
  const backend = `postgres://${server.superuser}@${server.host}:${server.port}/postgres`
  proxy = startCli(
    ['serve', '--backend', backend, '--listen', listen, '--storage-endpoint', azurite.endpointTemplate].concat(
      ['--log-level', 'trace'],
      ['--managed-identity-client-id', 'd1c2b3a4-0000-4000-8000-000000000000'],
    ),
    // Functions are to call this address, and one process has one token.
    { ...endpoint.environment, NODE_EXTRA_CA_CERTS: azurite.certificate, BLOBGRES_WORKERS: '1' },
  )
  client = await connect(`postgres://${server.superuser}@${listen}/${database.name}`)
  await adminQuery(
    server,
    `ALTER ROLE azure_storage_key IN DATABASE ${database.name} SET azure_storage.loopback_addresses = '${listen}'`,
  )
  await client.query('CREATE EXTENSION azure_storage')
  await client.query(
    `SELECT azure_storage.account_add(azure_storage.account_options_managed_identity('${azurite.account}', 'blob'))`,
  )
  await client.query("CREATE TABLE t AS SELECT 1 AS a, 'one' AS b")
})
afterEach(async () => {
  await client.end()
  proxy.kill('SIGTERM')
  const { stdout, stderr } = await proxy.ended
  await database.drop()
  expect(stderr).toContain('listening')
  expect(stdout + stderr).not.toContain('eyJ') // as every token begins
  expect(stdout + stderr).not.toContain(endpoint.environment.IDENTITY_HEADER)
})

async function connect(url: string): Promise<pg.Client> {
  const early = proxy.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))
  early.catch(() => {})
  for (;;) {
    const each = new pg.Client(url)
    try {
      await each.connect()
      return each
    } catch {
      await Promise.race([early, sleep(50)])
    }
  }
}

function url(path: string): string {
  return `${azurite.endpointTemplate.replace('{account}', azurite.account)}/${container.containerName}/${path}`
}

it('COPY and the blob functions open an account with one token of the identity', async () => {
  await client.query(`COPY t TO '${url('t.csv')}'`)
  expect(String(await container.getBlobClient('t.csv').downloadToBuffer())).toBe('1,one\n')
  await client.query(`CREATE TABLE back (LIKE t); COPY back FROM '${url('t.csv')}'`)
  await client.query(`SELECT azure_storage.blob_put('${azurite.account}', 'data', 'put.csv', t) FROM t`)
  const got = await client.query(
    `SELECT * FROM azure_storage.blob_get('${azurite.account}', 'data', 'put.csv') AS g (a int, b text)
     UNION ALL TABLE back`,
  )
  expect(got.rows).toEqual([
    { a: 1, b: 'one' },
    { a: 1, b: 'one' },
  ])
  const list = await client.query(`SELECT path FROM azure_storage.blob_list('${azurite.account}', 'data')`)
  expect(list.rows).toEqual([{ path: 'put.csv' }, { path: 't.csv' }])
  expect(endpoint.requests.map(query => query.get('client_id'))).toEqual(['d1c2b3a4-0000-4000-8000-000000000000'])
})

it('without a token the statement fails, and succeeds once there is one', async () => {
  endpoint.mode = 'refuses'
  const failed = { code: '08001', message: 'azure_storage: internal error while connecting' }
  const list = `SELECT path FROM azure_storage.blob_list('${azurite.account}', 'data')`
  for (const sql of [`COPY t FROM '${url('x.csv')}'`, `COPY t TO '${url('x.csv')}'`, list]) {
    const error = await errorOf(client.query(sql))
    expect(error).toMatchObject(failed)
    expect(error.detail).toMatch(/failed for storage account "identityacct": no token: .*Identity not found/)
  }
  endpoint.mode = 'well'
  await client.query(`COPY t TO '${url('x.csv')}'`)
})

it('an identity that the service refuses has no permission', async () => {
  endpoint.audience = 'https://vault.azure.net'
  try {
    const error = await errorOf(client.query(`COPY t TO '${url('refused.csv')}'`))
    expect(error).toMatchObject({
      code: '42501',
      message: 'azure_storage: Permission is not sufficient to perform requested operation',
    })
    expect(error.detail).not.toContain('eyJ')
  } finally {
    endpoint.audience = 'https://storage.azure.com'
  }
})

it('a cancel request ends the wait for a token', async () => {
  endpoint.mode = 'silent'
  await client.query("SET statement_timeout = '1s'")
  const list = `SELECT path FROM azure_storage.blob_list('${azurite.account}', 'data')`
  expect(await errorOf(client.query(list))).toMatchObject({ code: '57014' })
})
