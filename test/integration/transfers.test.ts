import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Transfer } from '../../src/activity/transfer.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { azurite, servers } from '../support/servers.ts'

const ROWS = 20_000
const CSV = Array.from({ length: ROWS }, (_, i) => `${i},row number ${i}\n`).join('')
const HALT_AT = 100_000
const SAS = 'sv=2024-11-04&sp=r&sig=c2VjcmV0'

describe.each(servers)('The account of transfers, on PostgreSQL $version', server => {
  let storage: HaltedStorage
  let stack: CopyStack
  let log = ''
  const url = (path: string): string =>
    `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${path}`
  const lines = (): Record<string, unknown>[] =>
    log
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  const last = (): Transfer => stack.proxy.transfers.finished.at(-1) as Transfer
  /** Halted on its way. */
  const halted = async (path: string): Promise<Transfer> => {
    const find = (): Transfer | undefined => stack.proxy.transfers.live.find(({ facts }) => facts.path === path)
    await expect.poll(() => (find()?.bytes ?? 0) > 0).toBe(true)
    return find() as Transfer
  }
  const blobGet = (path: string): string =>
    `SELECT count(*) FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}') AS t (a int, b text)`

  beforeAll(async () => {
    storage = await startHaltedStorage(azurite, HALT_AT)
    const write = (line: string): void => {
      log += line
    }
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    stack = await startCopyStack(server, { storageEndpoints }, pino({ level: 'info' }, { write }))
    await stack.client.query('CREATE TABLE t (a int, b text)')
    for (const path of ['a.csv', 'b.csv', 'c.csv', 'd.csv']) await stack.put(path, CSV)
    await stack.put('bad.csv', '1,x\n2,y\nthree,z\n')
    await stack.client.query(`COPY t FROM '${url('a.csv')}'`)
    await stack.client.query(`COPY t TO '${url('t.parquet')}'`)
    await stack.client.query('TRUNCATE t')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  it.each([
    ['COPY', 'b.csv', 'copy', 'csv', 'running', () => `COPY t FROM '${url('b.csv')}'`],
    ['COPY of Parquet', 't.parquet', 'copy', 'parquet', 'spooling', () => `COPY t FROM '${url('t.parquet')}'`],
    ['blob_get', 'c.csv', 'blob_get', 'csv', 'running', () => blobGet('c.csv')],
    [
      'COPY in a function',
      'd.csv',
      'copy in a function',
      'csv',
      'running',
      () => `DO $$ BEGIN COPY t FROM '${url('d.csv')}'; END $$`,
    ],
  ])('shows an import by %s while it is under way, and at its end', async (_, path, statement, format, state, sql) => {
    storage.halt()
    const done = stack.client.query(sql())
    const transfer = await halted(path)
    const size = (await stack.getBytes(path)).length
    const session = stack.proxy.sessions.all.find(({ pid }) => pid === transfer.facts.pid)
    expect(transfer).toMatchObject({ state, totalBytes: size, end: undefined })
    expect(transfer.facts).toEqual({
      session: session?.facts.id,
      pid: expect.any(Number),
      user: server.superuser,
      database: stack.database.name,
      account: account.name,
      container: stack.container.containerName,
      path,
      direction: 'import',
      format,
      compression: format === 'parquet' ? 'snappy' : 'none',
      statement,
    })
    expect(session).toMatchObject({ state: 'active', facts: { user: server.superuser, database: stack.database.name } })
    expect(transfer.bytes).toBeGreaterThan(0)
    expect(transfer.bytes).toBeLessThanOrEqual(Math.min(4 * HALT_AT, size))
    storage.open()
    await done
    expect(last()).toMatchObject({
      id: transfer.id,
      bytes: size,
      rows: ROWS,
      end: { outcome: 'done', sqlstate: undefined },
    })
  })

  it('estimates the rows of a COPY while it is under way', async () => {
    storage.halt()
    const done = stack.client.query(`COPY t FROM '${url('b.csv')}'`)
    const transfer = await halted('b.csv')
    await expect.poll(() => transfer.rows).toBeGreaterThan(1000)
    expect(transfer.rows).toBeLessThan(ROWS)
    storage.open()
    await done
  })

  it('ends many at a time with the rows and bytes that they had', async () => {
    const { transfers } = stack.proxy
    const before = transfers.finished.length
    const sql = (i: number): string => {
      const put = `azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'put${i}.csv.gz', q)`
      const query = `SELECT x, 'row ' || x FROM generate_series(1, ${i * 100}) AS x`
      if (i % 4 === 0) return `COPY t FROM '${url('a.csv')}'`
      if (i % 4 === 1) return blobGet('c.csv')
      if (i % 4 === 2) return `SELECT ${put} FROM (${query}) AS q (a, b)`
      return `CREATE TEMP TABLE x AS ${query}; COPY x TO '${url(`copied${i}.csv.gz`)}'`
    }
    const all = Array.from({ length: 20 }, (_, i) => i)
    await Promise.all(all.map(async i => (await stack.connect()).query(sql(i))))
    const ended = transfers.finished.slice(before)
    expect(ended.map(({ end }) => end?.outcome)).toEqual(all.map(() => 'done'))
    for (const { facts, bytes, rows } of ended) {
      const i = Number(/\d+/.exec(facts.path)?.[0] ?? 0)
      const size = (await stack.getBytes(facts.path)).length
      expect([facts.path, bytes, rows]).toEqual([facts.path, size, facts.direction === 'import' ? ROWS : i * 100])
    }
  })

  it.each([
    ['COPY', () => `COPY t FROM '${url('none.csv')}'`, '58P01'],
    ['COPY that the server refuses', () => `COPY t FROM '${url('bad.csv')}'`, '22P02'],
    ['COPY TO', () => `COPY t TO '${url('t.csv').replace(stack.container.containerName, 'none')}'`, '58P01'],
    ['blob_get', () => blobGet('none.csv'), '58P01'],
  ])('knows the SQLSTATE of a %s that fails', async (_, sql, code) => {
    const error = await errorOf(stack.client.query(sql()))
    await expect.poll(() => last().end).toMatchObject({ outcome: 'failed', sqlstate: error.code })
    expect(error.code).toBe(code)
  })

  it.each([
    ['COPY', 'b.csv', () => `COPY t FROM '${url('b.csv')}'`],
    ['blob_get', 'c.csv', () => blobGet('c.csv')],
  ])('and that %s was cancelled', async (_, path, sql) => {
    storage.halt()
    const failed = errorOf(stack.client.query(sql()))
    const transfer = await halted(path)
    const session = stack.proxy.sessions.get(transfer.facts.session as number)
    await session?.cancel()
    expect((await failed).code).toBe('57014')
    await expect.poll(() => last()).toMatchObject({ id: transfer.id, end: { outcome: 'cancelled', sqlstate: '57014' } })
    storage.open()
  })

  it('has no second reading of a blob in it', async () => {
    const before = stack.proxy.transfers.finished.length
    await errorOf(stack.client.query(blobGet('bad.csv').replace('count(*)', '*')))
    expect(stack.proxy.transfers.finished.length).toBe(before + 1)
  })

  it('logs the begin and the end of each, with its session, and no secret', async () => {
    await errorOf(stack.client.query(`COPY t FROM '${url('a.csv')}?${SAS}'`))
    const { id, facts } = last()
    const { session, pid, ...others } = facts
    const logged = { level: 30, transfer: id, session, backend: pid, ...others }
    expect(lines().filter(({ transfer }) => transfer === id)).toMatchObject([
      { ...logged, msg: 'transfer begun' },
      { ...logged, msg: 'transfer ended', bytes: 0, outcome: 'failed', sqlstate: last().end?.sqlstate },
    ])
    expect(log).not.toContain('c2VjcmV0')
    expect(log).not.toContain(account.key)
    expect(log).not.toContain('row number')
  })
})
