import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Activity, TransfersView } from '../../src/http/api.ts'
import { account } from '../support/blobs.ts'
import { errorOf } from '../support/copy-stack.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { ask, askJson, type HttpStack, startHttpStack, tokenOf } from '../support/http.ts'
import { azurite, servers } from '../support/servers.ts'

const ROWS = 20_000
const CSV = Array.from({ length: ROWS }, (_, i) => `${i},row number ${i}\n`).join('')

describe.each(servers)('Transfers over HTTP, on PostgreSQL $version', server => {
  let storage: HaltedStorage
  let stack: HttpStack
  const url = (path: string): string =>
    `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${path}`
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
    stack = await startHttpStack(server, { storageEndpoints })
    await stack.client.query('CREATE TABLE t (a int, b text)')
    await stack.put('a.csv', CSV)
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  it('shows one as it moves, and in the end what it was', async () => {
    storage.halt()
    const done = stack.client.query(`COPY t FROM '${url('a.csv')}'`)
    await expect.poll(async () => (await transfers()).live[0]?.bytes).toBeGreaterThan(0)
    const { live, liveCount } = await transfers()
    expect({ live, liveCount }).toMatchObject({
      live: [{ path: 'a.csv', direction: 'import', state: 'running', totalBytes: CSV.length, outcome: null }],
      liveCount: 1,
    })
    expect(live[0]?.bytes).toBeLessThan(CSV.length)
    expect(await metric('blobgres_transfers_in_flight{direction="import"}')).toBe('1')
    const bytes = Number(await metric('blobgres_transfer_bytes_total{direction="import"}'))
    expect(bytes).toBeGreaterThan(0)
    expect(bytes).toBeLessThan(CSV.length)
    storage.open()
    await done
    expect(await transfers()).toMatchObject({
      live: [],
      finished: [{ id: live[0]?.id, state: 'ended', bytes: CSV.length, rows: ROWS, outcome: 'done', sqlstate: null }],
    })
    expect(await metric('blobgres_transfers_in_flight{direction="import"}')).toBe('0')
    expect(await metric('blobgres_transfer_bytes_total{direction="import"}')).toBe(String(CSV.length))
    expect(await metric('blobgres_transfer_duration_seconds_count')).toBe('1')
  })

  it('cancels the one that was meant, for who has the token of the page', async () => {
    storage.halt()
    const failed = errorOf(stack.client.query(`COPY t FROM '${url('a.csv')}'`))
    await expect.poll(async () => (await transfers()).live.length).toBe(1)
    const path = `${stack.origin}/api/transfers/${(await transfers()).live[0]?.id}/cancel`
    expect(await ask(path, {}, 'POST')).toMatchObject({ status: 403 })
    expect(await ask(path, { 'x-blobgres-token': '0'.repeat(64) }, 'POST')).toMatchObject({ status: 403 })
    expect((await transfers()).live.length).toBe(1)
    const token = { 'x-blobgres-token': await tokenOf(stack.origin) }
    expect(await ask(path, token, 'POST')).toMatchObject({ status: 202 })
    expect((await failed).code).toBe('57014')
    storage.open()
    await expect
      .poll(transfers)
      .toMatchObject({ live: [], finished: [{ outcome: 'cancelled', sqlstate: '57014' }, {}] })
    expect(await ask(path, token, 'POST')).toMatchObject({ status: 404 })
  })

  it('tells of them as they come, to whoever listens', async () => {
    const over = new AbortController()
    const { body } = await fetch(`${stack.origin}/api/events`, { signal: over.signal })
    const heard: Activity[] = []
    const listening = (async () => {
      let text = ''
      for await (const chunk of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
        text += chunk
        const events = text.split('\n\n')
        text = events.pop() as string
        for (const event of events) heard.push(JSON.parse(/^event: activity\ndata: (.*)$/.exec(event)?.[1] ?? ''))
      }
    })().catch(() => {})
    await expect.poll(() => heard.length).toBe(1)
    expect(heard[0]?.finished?.length).toBeGreaterThan(0)
    storage.halt()
    const done = stack.client.query(`COPY t FROM '${url('a.csv')}'`)
    await expect.poll(() => heard.at(-1)?.live[0]?.bytes).toBeGreaterThan(0)
    expect(heard.at(-1)).not.toHaveProperty('finished')
    storage.open()
    await done
    const lastFinished = () => heard.findLast(({ finished }) => finished !== undefined)?.finished?.[0]
    await expect.poll(() => lastFinished()?.outcome).toBe('done')
    expect(heard.at(-1)?.live).toEqual([])
    over.abort()
    await listening
  })

  it('shows sessions', async () => {
    const { sessions } = (await askJson(`${stack.origin}/api/sessions`)) as { sessions: unknown[] }
    expect(sessions).toEqual([
      {
        id: expect.any(Number),
        pid: expect.any(Number),
        user: server.superuser,
        database: stack.database.name,
        client: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        state: 'idle',
        since: expect.any(String),
      },
    ])
  })

  it('counts requests to the storage, and errors, but gives labels to none that users make up', async () => {
    const before = Number(await metric('blobgres_errors_total{sqlstate="22012"}')) || 0
    await errorOf(stack.client.query('SELECT 1 / 0'))
    await errorOf(stack.client.query(`DO $$ BEGIN RAISE 'x' USING ERRCODE = 'AB123'; END $$`))
    await errorOf(stack.client.query(`COPY t FROM '${url('none.csv')}'`))
    expect(await metric('blobgres_errors_total{sqlstate="22012"}')).toBe(String(before + 1))
    expect(await metric('blobgres_errors_total{sqlstate="58P01"}')).toBe('1')
    expect(await metric('blobgres_errors_total{sqlstate="other"}')).toBe('1')
    expect(await metric('blobgres_storage_requests_total{operation="download",status="404"}')).toBe('1')
    const text = (await ask(`${stack.origin}/metrics`)).body
    for (const name of ['AB123', account.name, stack.database.name, server.superuser, 'a.csv']) {
      expect(text).not.toContain(name)
    }
  })

  it('takes no session for that of a transfer whose role says so', async () => {
    const { rows } = await stack.client.query("SELECT current_setting('azure_storage.session') AS session")
    const other = await stack.connect()
    storage.halt()
    await other.query(`SET azure_storage.session = '${rows[0].session}'`)
    const source = `azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'a.csv')`
    const done = other.query(`SELECT count(*)::int FROM ${source} AS t (a int, b text)`)
    await expect.poll(async () => (await transfers()).live.length).toBe(1)
    const [transfer] = (await transfers()).live
    expect(transfer?.session).toBeNull()
    const token = { 'x-blobgres-token': await tokenOf(stack.origin) }
    expect(await ask(`${stack.origin}/api/transfers/${transfer?.id}/cancel`, token, 'POST')).toMatchObject({
      status: 409,
    })
    storage.open()
    expect((await done).rows).toEqual([{ count: ROWS }])
  })
})
