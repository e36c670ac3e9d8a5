import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseBackend } from '../../src/config/backend-url.ts'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { errorOf } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { testConfig } from '../support/stack.ts'
import { caughtUp, startStandby } from '../support/standby.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

describe.each([15, 18] as const)('A proxy of several hosts, PostgreSQL %i', version => {
  let primary: OwnServer
  let standby: OwnServer
  let isPrimaryUp = true
  const proxies: RunningProxy[] = []
  beforeAll(async () => {
    primary = await startOwnServer(version)
    const proxy = await start('any', primary)
    await query(proxy, 'CREATE EXTENSION azure_storage; CREATE TABLE t (a int)')
    await query(proxy, `SELECT azure_storage.account_add('${account.name}', '${account.key}')`)
    standby = await startStandby(primary, { address: primary })
  }, 120_000)
  afterAll(async () => {
    for (const proxy of proxies) await proxy.close(0)
    await standby.stop()
    if (isPrimaryUp) await primary.stop()
  })

  async function start(attrs: string, ...servers: readonly OwnServer[]): Promise<RunningProxy> {
    const hosts = servers.map(({ host, port }) => `${host}:${port}`).join()
    const value = `postgres://postgres@${hosts}/postgres?target_session_attrs=${attrs}`
    const backend = parseBackend({ name: '--backend', value })
    const proxy = await startProxy(testConfig(primary, { backend }), createLogger('silent'))
    proxies.push(proxy)
    return proxy
  }

  async function query({ address }: RunningProxy, sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ host: address.host, port: address.port, user: 'postgres', database: 'postgres' })
    await client.connect()
    return client.query(sql).finally(() => client.end())
  }
  const portOf = async (proxy: RunningProxy) => Number((await query(proxy, 'SHOW port')).rows[0].port)
  const list = `SELECT * FROM azure_storage.blob_list('${account.name}', 'none-such')`
  const LISTED = { message: 'azure_storage: container with the given name does not exist' }

  test.each<[string, () => OwnServer]>([
    ['any', () => primary],
    ['read-write', () => primary],
    ['primary', () => primary],
    ['standby', () => standby],
    ['read-only', () => standby],
    ['prefer-standby', () => standby],
  ])('target_session_attrs=%s', async (attrs, server) => {
    const proxy = await start(attrs, primary, standby)
    expect(await portOf(proxy)).toBe(server().port)
    expect(await errorOf(query(proxy, list))).toMatchObject(LISTED)
  })

  test('none is as asked for', async () => {
    await expect(start('standby', primary)).rejects.toThrow(
      `blobgres: the server at 127.0.0.1:${primary.port} is not in hot standby mode`,
    )
  })

  test('a CancelRequest goes where the session is', async () => {
    const proxy = await start('standby', primary, standby)
    const url = `postgres://postgres@127.0.0.1:${proxy.address.port}/postgres`
    const client = await WireClient.connect(url)
    client.send(wire.query('SELECT pg_sleep(60)'))
    const sleeping = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`
    await vi.waitFor(async () => expect((await adminQuery(standby, sleeping)).rowCount).toBe(1), 10_000)
    const canceller = await WireClient.open(url)
    canceller.send(cancelPacket(client.key))
    expect((await client.until('Z')).at(-2)).toBe('E ERROR 57014 canceling statement due to user request')
    await canceller.until('EOF')
    await client.close()
  })

  test('after a fail-over the proxy goes on with the new primary', async () => {
    const proxy = await start('read-write', primary, standby)
    await caughtUp(primary, standby)
    await primary.stop()
    isPrimaryUp = false
    expect(await errorOf(query(proxy, 'SELECT 1'))).toMatchObject({ code: '57P03' })
    await adminQuery(standby, 'SELECT pg_promote()')
    await vi.waitFor(async () => expect(await portOf(proxy)).toBe(standby.port), { timeout: 15_000, interval: 100 })
    await query(proxy, 'INSERT INTO t VALUES (1)')
    await vi.waitFor(async () => expect(await errorOf(query(proxy, list))).toMatchObject(LISTED), 10_000)
    await query(proxy, `SELECT azure_storage.account_add('other', '${account.key}')`)
  })
})
