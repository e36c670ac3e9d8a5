import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { errorOf } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { azurite } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'
import { caughtUp, startStandby } from '../support/standby.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const SOON = { timeout: 15_000, interval: 50 }

/** In order: each test goes on where the one before it has ended. */
describe.each([15, 18] as const)('What changes behind a proxy of a standby of PostgreSQL %i', version => {
  let storage: StalledStorage
  let primary: OwnServer
  let standby: OwnServer
  let proxy: RunningProxy
  let other: RunningProxy
  let proxyOfPrimary: RunningProxy | undefined
  const start = (server: OwnServer) => startProxy(testConfig(server), createLogger('silent'))
  beforeAll(async () => {
    storage = await startStalledStorage()
    primary = await startOwnServer(version)
    standby = await startStandby(primary, { address: primary })
    proxy = await start(standby)
  }, 120_000)
  afterAll(async () => {
    for (const each of [proxy, other, proxyOfPrimary]) await each?.close(0)
    await standby.stop()
    await primary.stop()
    await storage.close()
  })

  const addressOf = ({ address: { host, port } }: RunningProxy): string => `${host}:${port}`
  async function query(through: { host: string; port: number }, sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ host: through.host, port: through.port, user: 'postgres', database: 'postgres' })
    await client.connect()
    return client.query(sql).finally(() => client.end())
  }
  const list = `SELECT * FROM azure_storage.blob_list('${account.name}', 'none-such')`
  /** What the storage says to it. */
  const LISTED = { message: 'azure_storage: container with the given name does not exist' }
  const present = async (): Promise<string[]> => {
    const { rows } = await adminQuery(standby, 'SELECT azure_storage_private.present_addresses() AS list')
    return rows[0].list?.split(',') ?? []
  }

  test('a primary that never had a proxy: everything passes, and nothing is there', async () => {
    expect((await query(proxy.address, 'SELECT pg_is_in_recovery() AS is')).rows).toEqual([{ is: true }])
    const url = `${azurite.endpointTemplate.replace('{account}', account.name)}/none-such/f.csv`
    expect(await errorOf(query(proxy.address, `COPY pg_class TO '${url}'`))).toMatchObject({
      message: 'azure_storage: the extension is not installed in this database',
    })
    expect(await errorOf(query(proxy.address, 'CREATE EXTENSION azure_storage'))).toMatchObject({
      message: 'cannot execute CREATE EXTENSION in a read-only transaction',
    })
  })

  test('the extension comes from the primary', async () => {
    proxyOfPrimary = await start(primary)
    await query(proxyOfPrimary.address, 'CREATE EXTENSION azure_storage')
    await query(proxyOfPrimary.address, `SELECT azure_storage.account_add('${account.name}', '${account.key}')`)
    await caughtUp(primary, standby)
    await vi.waitFor(async () => expect(await errorOf(query(proxy.address, list))).toMatchObject(LISTED), SOON)
  })

  test('a proxy of the primary does not serve the standby, which it would take for the primary', async () => {
    const address = addressOf(proxyOfPrimary as RunningProxy)
    const greet = `DO $$ BEGIN
      PERFORM azure_storage_private.dblink_connect('c', azure_storage_private.connection_string('${address}'));
      PERFORM azure_storage_private.greet('c', '${address}');
    END $$`
    expect(await errorOf(adminQuery(standby, greet))).toMatchObject({
      message: 'the answer is: azure_storage: this proxy is in front of another server',
    })
    await adminQuery(primary, greet)
  })

  test('a second proxy comes: a CancelRequest that gets to it reaches what the first does', async () => {
    const stalled = testConfig(standby, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    other = await startProxy(stalled, createLogger('silent'))
    expect(await present()).toContain(addressOf(other))
    const client = await WireClient.connect(`postgres://postgres@${addressOf(other)}/postgres`)
    client.send(wire.query(list))
    await vi.waitFor(() => expect(storage.open).toBe(1), SOON)
    const canceller = await WireClient.open(`postgres://x@${addressOf(proxy)}/x`)
    canceller.send(cancelPacket(client.key))
    await canceller.until('EOF')
    expect((await client.until('Z')).slice(-2)).toEqual([
      'E ERROR 57014 canceling statement due to user request',
      'Z I',
    ])
    await vi.waitFor(() => expect(storage.open).toBe(0), SOON)
    await client.close()
  })

  test('and goes: it is called no more', async () => {
    await other.close(0)
    await vi.waitFor(async () => expect(await present()).toEqual([addressOf(proxy)]), SOON)
  })

  test('the standby is restarted', async () => {
    await standby.restart()
    await vi.waitFor(async () => expect(await errorOf(query(proxy.address, list))).toMatchObject(LISTED), SOON)
    await vi.waitFor(async () => expect(await present()).toEqual([addressOf(proxy)]), SOON)
  })

  test('it is promoted: the proxy registers, in place of that of the primary', async () => {
    await adminQuery(standby, 'SELECT pg_promote()')
    expect(await errorOf(query(proxy.address, list))).toMatchObject(LISTED)
    const addresses = 'SELECT azure_storage_private.loopback_addresses() AS value'
    await vi.waitFor(async () => {
      expect((await adminQuery(standby, addresses)).rows).toEqual([{ value: addressOf(proxy) }])
    }, SOON)
    expect(await errorOf(query(proxy.address, list))).toMatchObject(LISTED)
  })

  test('the proxy of a primary whose server is started again goes on', async () => {
    await primary.restart()
    expect(await errorOf(query((proxyOfPrimary as RunningProxy).address, list))).toMatchObject(LISTED)
  })
})
