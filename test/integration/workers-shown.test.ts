import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ReadyView, SessionsView, TransfersView } from '../../src/http/api.ts'
import { account } from '../support/blobs.ts'
import { errorOf } from '../support/copy-stack.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { ask, askJson, type HttpStack, startHttpStack, tokenOf } from '../support/http.ts'
import { azurite, servers } from '../support/servers.ts'

const CSV = Array.from({ length: 20_000 }, (_, i) => `${i},row number ${i}\n`).join('')

describe.each(servers)('What two workers do is shown as one, on PostgreSQL $version', server => {
  let storage: HaltedStorage
  let stack: HttpStack
  /** One in each worker. */
  let clients: pg.Client[]
  let admin: pg.Client
  const url = (): string => `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/a.csv`
  const transfers = () => askJson(`${stack.origin}/api/transfers`) as Promise<TransfersView>
  const metric = async (name: string): Promise<string | undefined> => {
    const { body } = await ask(`${stack.origin}/metrics`)
    return body
      .split('\n')
      .find(line => line.startsWith(`${name} `))
      ?.slice(name.length + 1)
  }

  beforeAll(async () => {
    storage = await startHaltedStorage(azurite, 100_000)
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    stack = await startHttpStack(server, { storageEndpoints, workers: 2, extras: true })
    await stack.client.query('CREATE TABLE t (a int, b text)')
    await stack.put('a.csv', CSV)
    // Each new one goes to the worker that has fewer.
    clients = [stack.client, await stack.connect()]
    admin = await stack.connect(undefined, { connectionString: stack.url().replace(/[^/]+$/, 'blobgres') })
  })
  afterAll(async () => {
    storage.open()
    await stack.close()
    await storage.close()
  })

  it('sessions, with numbers of their own', async () => {
    const { sessions, count } = (await askJson(`${stack.origin}/api/sessions`)) as SessionsView
    const rows = await Promise.all(clients.map(each => each.query('SELECT pg_backend_pid() AS pid')))
    expect(count).toBe(3)
    expect(sessions.map(({ pid }) => pid)).toEqual(
      expect.arrayContaining(rows.map(({ rows: [row] }) => (row as { pid: number }).pid)),
    )
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(3)
    expect(await metric('blobgres_sessions')).toBe('3')
    expect(await metric('blobgres_workers')).toBe('2')
    expect((await admin.query('SHOW SESSIONS')).rows.map(({ id }) => Number(id))).toEqual(sessions.map(({ id }) => id))
  })

  it('transfers, each of which can be cancelled', async () => {
    storage.halt()
    const [first, second] = clients.map(client => errorOf(client.query(`COPY t FROM '${url()}'`)))
    await expect.poll(async () => (await transfers()).liveCount).toBe(2)
    expect(await metric('blobgres_transfers_in_flight{direction="import"}')).toBe('2')
    expect((await admin.query('SHOW TRANSFERS')).rows).toMatchObject([{ path: 'a.csv' }, { path: 'a.csv' }])
    expect((await admin.query('SHOW STATS')).rows[0]).toMatchObject({ direction: 'import', under_way: '2', done: '0' })
    const view = await admin.query('SHOW TRANSFERS')
    const token = { 'x-blobgres-token': await tokenOf(stack.origin) }
    for (const { id } of (await transfers()).live) {
      expect(await ask(`${stack.origin}/api/transfers/${id}/cancel`, token, 'POST')).toMatchObject({ status: 202 })
      await expect.poll(async () => (await transfers()).live.find(each => each.id === id)).toBeUndefined()
      expect(await ask(`${stack.origin}/api/transfers/${id}/cancel`, token, 'POST')).toMatchObject({ status: 404 })
    }
    for (const failed of [first, second]) expect(await failed).toMatchObject({ code: '57014' })
    storage.open()
    const { finished } = await transfers()
    expect(finished.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled'])
    expect(finished.map(({ id }) => String(id)).sort()).toEqual(view.rows.map(({ id }) => id).sort())
    expect(await metric('blobgres_transfers_total{direction="import",format="csv",outcome="cancelled"}')).toBe('2')
  })

  it('in the view of all proxies too', async () => {
    const { rows } = await stack.client.query('SELECT DISTINCT proxy FROM blobgres.transfers')
    const addresses = stack.workers?.loopbackAddresses.map(({ host, port }) => `${host}:${port}`)
    expect(rows.map(({ proxy }) => proxy).sort()).toEqual(addresses?.sort())
  })

  it('and they are ready together', async () => {
    const { status, body } = await ask(`${stack.origin}/readyz`)
    expect(status).toBe(200)
    const { checks } = JSON.parse(body) as ReadyView
    expect(checks).toEqual({ draining: { ok: true }, backend: { ok: true }, loopback: { ok: true } })
  })
})
