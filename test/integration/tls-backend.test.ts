import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveConfig } from '../support/config.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { startRelay } from '../support/relay.ts'
import { servers, type TestServer } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const ROWS = 50_000

describe.each(servers)('a server behind TLS, PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    const url = `postgres://${server.superuser}@localhost:${server.port}/postgres`
    const argv = ['--backend', `${url}?sslmode=verify-full&sslrootcert=${server.certificate.cert}`]
    stack = await startCopyStack(server, { backend: serveConfig(argv).backend })
  })
  afterAll(() => stack.close())

  it('is reached over TLS by sessions, and by the proxy for its own work', async () => {
    const ssl = await stack.client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    expect(ssl.rows).toEqual([{ ssl: true }])
    await stack.client.query(
      `CREATE TABLE t AS SELECT g AS a, repeat('x', 100) AS b FROM generate_series(1, ${ROWS}) g`,
    )
    const own = `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
      WHERE datname = '${stack.database.name}' AND application_name = 'blobgres' AND backend_type = 'client backend'`
    const seen = new Set<boolean>()
    let exported = false
    const exporting = stack.client.query(`COPY t TO '${stack.blobUrl('t.csv')}'`).finally(() => {
      exported = true
    })
    while (!exported) for (const { ssl } of (await adminQuery(server, own)).rows) seen.add(ssl)
    expect((await exporting).rowCount).toBe(ROWS)
    expect([...seen]).toEqual([true])
  })

  it('sends and takes many bytes, both ways, and so do the functions', async () => {
    const { client } = stack
    await client.query('CREATE TABLE back (LIKE t)')
    expect((await client.query(`COPY back FROM '${stack.blobUrl('t.csv')}'`)).rowCount).toBe(ROWS)
    expect((await client.query('TABLE back')).rows).toHaveLength(ROWS)
    const account = stack.blobUrl('').split('/').at(-3)
    const container = stack.container.containerName
    const got = await client.query(
      `SELECT count(*)::int FROM azure_storage.blob_get('${account}', '${container}', 't.csv') AS g (a int, b text)`,
    )
    expect(got.rows).toEqual([{ count: ROWS }])
    await client.query(`SELECT azure_storage.blob_put('${account}', '${container}', 'put.csv', t) FROM t`)
    expect((await stack.getBytes('put.csv')).equals(await stack.getBytes('t.csv'))).toBe(true)
  })

  it('passes cancel requests on over TLS, with their keys', async () => {
    const client = await WireClient.open(stack.url())
    client.send(loginPacket(stack.url(), {}, 0x30002))
    await client.until('Z')
    client.send(wire.query('SELECT pg_sleep(20)'))
    const active = `SELECT FROM pg_stat_activity WHERE pid = ${client.pid} AND wait_event = 'PgSleep'`
    while ((await adminQuery(server, active)).rowCount === 0) await new Promise(resolve => setTimeout(resolve, 10))
    const canceller = await WireClient.open(stack.url())
    canceller.send(cancelPacket(client.key))
    expect(await canceller.until('EOF')).toEqual(['EOF'])
    expect(await client.until('Z')).toContain('E ERROR 57014 canceling statement due to user request')
    await client.close()
  })

  it('says its last word, and a half-closed client gets its replies', async () => {
    const session = await WireClient.connect(stack.url())
    await adminQuery(server, `SELECT pg_terminate_backend(${session.pid})`)
    expect(await session.until('EOF')).toEqual([expect.stringMatching(/^E FATAL 57P01/), 'EOF'])
    const half = await WireClient.connect(stack.url())
    half.send(wire.query('SELECT 42 FROM pg_sleep(0.1)'))
    half.halfClose()
    expect(await half.until('EOF')).toContain('D 42')
  })

  it('refuses what it refuses without TLS', async () => {
    const url = stack.url().replace(/\/[^/]*$/, '/missing')
    const error = await errorOf(new pg.Client(url).connect())
    expect(error).toMatchObject({ code: '3D000', severity: 'FATAL' })
    const replication = { url: `${stack.url()}?replication=database`, env: { PGOPTIONS: '' } }
    expect(await psql(replication, ['-At', '-c', 'IDENTIFY_SYSTEM'])).toMatchObject({ status: 0 })
  })
})

it('a server that cannot be had over TLS is named, with the reason', async () => {
  const [server] = servers as [TestServer]
  const relay = await startRelay(server)
  const address = `127.0.0.1:${relay.address.port}`
  const url = `postgres://postgres@${address}/?sslmode=verify-ca&sslrootcert=${server.certificate.cert}`
  const stack = await startStack(server, { backend: serveConfig(['--backend', url]).backend })
  await relay.close()
  const client = await WireClient.open(stack.url())
  client.send(loginPacket(stack.url()))
  expect(await client.until('EOF')).toEqual([
    `E FATAL 57P03 blobgres: could not connect to the PostgreSQL server at ${address}`,
    'EOF',
  ])
  await stack.close()
})
