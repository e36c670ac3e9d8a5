import pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { createLogger } from '../../src/log.ts'
import { loopbackAddresses } from '../../src/loopback/address.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { type GatedStorage, startGatedStorage } from '../support/gated-storage.ts'
import { type Balancer, startBalancer } from '../support/replicas.ts'
import { azurite, servers } from '../support/servers.ts'
import { callProxyFrom, testConfig } from '../support/stack.ts'
import { describeWith } from '../support/tools.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const CANCELLED = ['E ERROR 57014 canceling statement due to user request', 'Z I']

describeWith('HAProxy').each(servers)('Behind HAProxy, two proxies on PostgreSQL $version', server => {
  let storage: GatedStorage
  let proxies: RunningProxy[] = []
  let balancer: Balancer
  let database: TestDatabase
  let url: string
  beforeAll(async () => {
    storage = await startGatedStorage(azurite)
    const endpoints = { storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() } }
    const start = () => startProxy(testConfig(server, endpoints), createLogger('silent'))
    proxies = [await start(), await start()]
    balancer = await startBalancer(proxies, server.superuser)
    database = await createDatabase(server)
    await callProxyFrom(server, database.name, ...proxies)
    url = `postgres://${server.superuser}@${balancer.address.host}:${balancer.address.port}/${database.name}`
    const client = new pg.Client(url)
    await client.connect()
    await client.query('CREATE EXTENSION azure_storage')
    await client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
    await client.end()
  })
  afterAll(async () => {
    await balancer.close()
    for (const proxy of proxies) await proxy.close(0)
    await database.drop()
    await storage.close()
  })

  it('share accounts, and cancel what the other does', async () => {
    const clients = [await WireClient.connect(url), await WireClient.connect(url)]
    const names = await Promise.all(
      clients.map(client => client.value("SELECT current_setting('azure_storage.proxy')")),
    )
    expect(names.sort()).toEqual(proxies.map(({ address }) => `${address.host}:${address.port}`).sort())
    const blob = `${storage.endpointTemplate.replace('{account}', account.name)}/none/a.csv`
    const statements = [
      'SELECT pg_sleep(60)',
      `CREATE TEMP TABLE t (a int); COPY t FROM '${blob}'`,
      `SELECT * FROM azure_storage.blob_get('${account.name}', 'none', 'a.csv') AS t (a int)`,
    ]
    for (const sql of statements) {
      for (const client of clients) {
        const waiting = storage.waiting
        client.send(wire.query(sql))
        const active = `SELECT count(*) FROM pg_stat_activity WHERE pid = ${client.pid} AND wait_event = 'PgSleep'`
        const other = clients.find(each => each !== client) as WireClient
        await vi.waitFor(
          async () => expect(storage.waiting > waiting || (await other.value(active)) === '1').toBe(true),
          { timeout: 15_000, interval: 20 },
        )
        const canceller = await WireClient.open(url)
        canceller.send(cancelPacket(client.key))
        expect((await client.until('Z')).slice(-2)).toEqual(CANCELLED)
        await canceller.until('EOF')
      }
    }
    storage.open()
    for (const client of clients) {
      expect(await client.query(`SELECT * FROM azure_storage.blob_list('${account.name}', 'none')`)).toContain(
        'E ERROR 58P01 azure_storage: container with the given name does not exist',
      )
      await client.close()
    }
  })

  it('one that is shut down gets no more logins, and functions call the other first', async () => {
    const [staying, leaving] = proxies as [RunningProxy, RunningProxy]
    const admin = await connectAdmin(testConfig(server).backend)
    const nameOf = ({ address }: RunningProxy): string => `${address.host}:${address.port}`
    const order = async (): Promise<string[]> =>
      (await loopbackAddresses(admin)).filter(each => proxies.map(nameOf).includes(each))
    expect(await order()).toEqual([nameOf(leaving), nameOf(staying)])
    const clients = [await WireClient.connect(url), await WireClient.connect(url)]
    for (const client of clients) await client.query('BEGIN')
    const closed = leaving.close(20_000)
    await expect.poll(order, { timeout: 15_000 }).toEqual([nameOf(staying), nameOf(leaving)])
    await vi.waitFor(
      async () => {
        for (let i = 0; i < 4; i++) {
          const client = await WireClient.connect(url)
          expect(await client.value("SELECT current_setting('azure_storage.proxy')")).toBe(nameOf(staying))
          await client.close()
        }
      },
      { timeout: 10_000, interval: 50 },
    )
    for (const client of clients) expect(await client.query('COMMIT')).toContain('C COMMIT.')
    await closed
    expect(await order()).toEqual([nameOf(staying)])
    await admin.end()
    expect(await Promise.race(clients.map(client => client.until('EOF')))).toContain(
      'E FATAL 57P01 terminating connection due to administrator command',
    )
    for (const client of clients) client.kill('fin')
  })
})
