import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const MANY = 300_000
const ROWS = 1_000_000

describe.each(servers)('many rows on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server)
    // Past the proxy, where nothing is read-only.
    await adminQuery(server, `ALTER DATABASE ${stack.database.name} SET azure_storage.blob_block_size_mb = 1`)
    client = await stack.connect()
    await client.query(`
      CREATE VIEW v AS SELECT i AS a, 'row ' || i AS b FROM generate_series(1, ${MANY}) i;
      CREATE UNLOGGED TABLE t (a int, b text)`)
  })
  afterAll(() => stack.close())

  it('into a blob of many blocks and back, in every format', async () => {
    for (const name of ['v.csv', 'v.csv.gz']) {
      const url = stack.blobUrl(name)
      expect((await client.query(`COPY v TO '${url}' (HEADER)`)).rowCount).toBe(MANY)
      await client.query('BEGIN')
      expect((await client.query(`COPY t FROM '${url}' (HEADER)`)).rowCount).toBe(MANY)
      const { rows } = await client.query("SELECT sum(a)::text, count(*) FILTER (WHERE b = 'row ' || a) AS n FROM t")
      expect(rows).toEqual([{ sum: String((MANY * (MANY + 1)) / 2), n: String(MANY) }])
      await client.query('ROLLBACK')
    }
    const blocks = await stack.container.getBlockBlobClient('v.csv').getBlockList('committed')
    expect(blocks.committedBlocks?.length).toBeGreaterThan(4)
    expect(Math.max(...(blocks.committedBlocks ?? []).map(({ size }) => size))).toBe(1024 * 1024)
  })

  it('a bad row at the end: no row is kept', async () => {
    const lines = Array.from({ length: ROWS - 1 }, (_, i) => `${i},x\n`).join('')
    const url = await stack.put('bad.csv', `${lines}bad,row\n`)
    expect(await errorOf(client.query(`COPY t FROM '${url}'`))).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type integer: "bad"',
      where: `COPY t, line ${ROWS}, column a: "bad"`,
    })
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
  })
})
