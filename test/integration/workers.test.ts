import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const WORKERS = 2
const PER_WORKER = 4

describe.each(servers)('A proxy of two workers, on PostgreSQL $version', server => {
  let stack: CopyStack
  const proxyOf = "SELECT current_setting('azure_storage.proxy') AS proxy"
  /** One session in each worker. */
  const connectToEach = async () => {
    const clients = new Map<string, Awaited<ReturnType<CopyStack['connect']>>>()
    while (clients.size < WORKERS) {
      const client = await stack.connect()
      clients.set((await client.query(proxyOf)).rows[0].proxy, client)
    }
    return [...clients.values()]
  }

  beforeAll(async () => {
    stack = await startCopyStack(server, { workers: WORKERS })
    await stack.client.query('CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) AS i')
  })
  afterAll(() => stack.close())

  it('has as many sessions in each, whichever end', async () => {
    await stack.client.end()
    const open = async (count: number) => {
      const clients = await Promise.all(Array.from({ length: count }, () => stack.connect()))
      return Promise.all(clients.map(async client => ({ client, at: (await client.query(proxyOf)).rows[0].proxy })))
    }
    const sessions = await open(WORKERS * PER_WORKER)
    const countAt = (at: string): number => sessions.filter(session => session.at === at).length
    const [busy = '', idle = ''] = new Set(sessions.map(({ at }) => at))
    expect([countAt(busy), countAt(idle)]).toEqual([PER_WORKER, PER_WORKER])
    const ending = sessions.filter(({ at }) => at === idle)
    await Promise.all(ending.map(({ client }) => client.end()))
    await expect.poll(async () => (await stack.workers?.ready.map(({ load }) => load))?.sort()).toEqual([0, PER_WORKER])
    expect((await open(PER_WORKER)).map(({ at }) => at)).toEqual(ending.map(() => idle))
  })

  it('does in each what a proxy does', async () => {
    const args = `'${account.name}', '${stack.container.containerName}'`
    for (const [i, client] of (await connectToEach()).entries()) {
      await client.query(`COPY t TO '${stack.blobUrl(`${i}.csv`)}'`)
      await client.query(`CREATE TEMP TABLE own (i int); COPY own FROM '${stack.blobUrl(`${i}.csv`)}'`)
      expect((await client.query('SELECT FROM own')).rowCount).toBe(1000)
      await client.query(`SELECT azure_storage.blob_put(${args}, '${i}.parquet', own) FROM own`)
      const get = `SELECT sum(i)::int AS sum FROM azure_storage.blob_get(${args}, '${i}.parquet') AS t (i int)`
      expect((await client.query(get)).rows).toEqual([{ sum: 500_500 }])
      expect((await client.query(`SELECT FROM azure_storage.blob_list(${args}, '${i}.')`)).rowCount).toBe(2)
    }
  })
})
