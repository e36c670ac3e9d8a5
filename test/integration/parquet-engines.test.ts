import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPlace, limitEngines, takePlace } from '../../src/formats/parquet/engine-places.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { busyEngines } from '../support/engines.ts'
import { servers } from '../support/servers.ts'

interface Canceller {
  cancel(client: pg.Client, query: unknown): void
}

const never = new AbortController().signal

describe.each(servers)('How many Parquet engines there are, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    limitEngines(1)
    stack = await startCopyStack(server, { workers: 1 }) // in this process, where the places are
    // More than what is held until an engine is asked for.
    await stack.client.query(`
      CREATE TABLE t AS SELECT i AS a, repeat('x', 100) AS b FROM generate_series(1, 60000) AS i;
      CREATE TABLE small (a int, b text)`)
    await stack.client.query(`COPY t TO '${stack.blobUrl('t.parquet')}'`)
  })
  afterAll(async () => {
    limitEngines(availableParallelism())
    await stack.close()
  })

  const place = (path: string): string => `'${account.name}', '${stack.container.containerName}', '${path}'`
  const get = (path: string): string => `SELECT a, b FROM azure_storage.blob_get(${place(path)}) AS t (a int, b text)`

  it('one after the other, and no more than there may be', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => stack.connect()))
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, busyEngines())
    }, 20)
    const copies = clients.map((client, i) =>
      client.query(i % 2 === 0 ? `COPY t TO '${stack.blobUrl(`${i}.parquet`)}'` : get('t.parquet')),
    )
    expect((await Promise.all(copies)).map(({ rowCount }) => rowCount)).toEqual(Array(6).fill(60_000))
    clearInterval(watch)
    expect(most).toBeLessThanOrEqual(1)
  })

  it.each([
    ['COPY FROM', (): string => `COPY small FROM '${stack.blobUrl('t.parquet')}'`],
    ['COPY TO', (): string => `COPY t TO '${stack.blobUrl('other.parquet')}'`],
    ['blob_get', (): string => get('t.parquet')],
    ['blob_put', (): string => `SELECT azure_storage.blob_put(${place('other.parquet')}, t) FROM t`],
  ])('%s waits for its turn, until it is cancelled or its time is over', async (_, statement) => {
    const leave = await takePlace(undefined, never)
    try {
      const client = (await stack.connect()) as pg.Client & { _activeQuery?: unknown }
      await client.query('SET statement_timeout = 300')
      expect(await errorOf(client.query(statement()))).toMatchObject({
        code: '57014',
        message: 'canceling statement due to statement timeout',
      })
      await client.query('SET statement_timeout = 0')
      const cancelled = errorOf(client.query(statement()))
      await sleep(400)
      ;(new pg.Client({ connectionString: stack.url() }) as unknown as Canceller).cancel(client, client._activeQuery)
      expect(await cancelled).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
    } finally {
      leave()
    }
  })

  it('a lost client leaves the queue', async () => {
    const leave = await takePlace(undefined, never)
    const lost = await stack.connect()
    const failed = errorOf(lost.query(`COPY small FROM '${stack.blobUrl('t.parquet')}'`))
    const next = stack.connect().then(client => client.query(get('t.parquet')))
    await lost.end()
    await failed
    leave()
    expect((await next).rowCount).toBe(60_000)
    expect(hasPlace(undefined)).toBe(false)
  })

  it('a statement that writes many files, more than there may be engines, comes to its end', async () => {
    const { rows } = await stack.client.query(`
      SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'group-' || g || '.parquet', (a, b))
      FROM t, generate_series(1, 6) AS g GROUP BY g`)
    expect(rows).toHaveLength(6)
    for (const g of [1, 6]) {
      const sum = await stack.client.query(
        `SELECT sum(a)::text AS s, count(*)::int AS n FROM (${get(`group-${g}.parquet`)}) AS q`,
      )
      expect(sum.rows).toEqual([{ s: '1800030000', n: 60_000 }])
    }
  })

  it('a statement that reads one file while it reads or writes another comes to its end', async () => {
    await stack.client.query(`
      CREATE TABLE counted (a int, b text);
      CREATE FUNCTION count_file() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.b := (SELECT count(*) FROM (${get('t.parquet')}) AS q);
        RETURN NEW;
      END $$;
      CREATE TRIGGER count_file BEFORE INSERT ON counted FOR EACH ROW WHEN (NEW.a = 1) EXECUTE FUNCTION count_file();
      CREATE VIEW v AS SELECT a, b FROM t UNION ALL ${get('t.parquet')}`)
    await stack.client.query(`COPY counted FROM '${stack.blobUrl('t.parquet')}'`)
    expect((await stack.client.query('SELECT b FROM counted WHERE a = 1')).rows).toEqual([{ b: '60000' }])
    expect((await stack.client.query(`COPY v TO '${stack.blobUrl('v.parquet')}'`)).rowCount).toBe(120_000)
  })
})
