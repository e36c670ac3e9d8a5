import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('postgres.js on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  const codeOf = (query: Promise<unknown>): Promise<unknown> =>
    query.then(
      () => 'none',
      error => error.code,
    )

  async function ordinary(sql: postgres.Sql): Promise<unknown[]> {
    const seen: unknown[] = []
    await sql`CREATE TEMP TABLE t (a int, b text)`
    const doubled = await Promise.all(Array.from({ length: 1000 }, (_, i) => sql`SELECT ${i}::int * 2 AS n`))
    seen.push(doubled.reduce((sum, [row]) => sum + row?.n, 0))
    await pipeline(Readable.from(['1\tone\n', '2\ttwo\n']), await sql`COPY t FROM STDIN`.writable())
    seen.push(await text(await sql`COPY t TO STDOUT`.readable()))
    await sql`SELECT * FROM generate_series(1, 10) AS n`.cursor(4, rows => void seen.push(rows.map(row => row.n)))
    await sql.begin(async transaction => {
      seen.push(await codeOf(transaction.savepoint(nested => nested`SELECT * FROM missing`)))
      await transaction`INSERT INTO t ${sql([{ a: 3, b: 'three' }])}`
    })
    const { columns } = await sql`SELECT a, b FROM t WHERE a = ${1}`.describe()
    seen.push(columns.map(({ name, type }) => [name, type]))
    const sleeping = sql`SELECT pg_sleep(30)`.execute()
    setTimeout(() => sleeping.cancel(), 300)
    seen.push(await codeOf(sleeping), await sql`SELECT * FROM t ORDER BY a`.values())
    return seen
  }

  test('pipelines, COPY, cursors, savepoints, then the same with azure_storage', async () => {
    const direct = postgres(stack.database.url, { max: 1, onnotice: () => {} })
    const sql = postgres(stack.url(), { max: 1, onnotice: () => {} })
    expect(await ordinary(sql)).toEqual(await ordinary(direct))
    await direct.end()

    const args = [account.name, stack.container.containerName] as const
    const url = (path: string): string => `'${stack.blobUrl(path)}'`
    const results = await Promise.all([
      sql.unsafe(`COPY t TO ${url('js.csv')}`),
      ...Array.from(
        { length: 20 },
        (_, i) => sql`SELECT azure_storage.blob_put(${args[0]}, ${args[1]}, ${`js/${i}.csv`}, t) FROM t`,
      ),
      sql.unsafe(`COPY t FROM ${url('js.csv')}`, [], { prepare: true }),
      sql`SELECT count(*)::int AS n FROM t`,
    ])
    expect(results.at(-2)?.count).toBe(3)
    expect(results.at(-1)).toEqual([{ n: 6 }])
    const sizes: number[] = []
    await sql`SELECT * FROM azure_storage.blob_list(${args[0]}, ${args[1]}, 'js/')`.cursor(
      8,
      rows => void sizes.push(rows.length),
    )
    expect(sizes).toEqual([8, 8, 4])
    await sql.begin(async transaction => {
      const missing = transaction.savepoint(nested => nested.unsafe(`COPY t FROM ${url('missing.csv')}`))
      expect(await codeOf(missing)).toBe('58P01')
      await transaction.unsafe(`COPY t FROM ${url('js.csv')}`)
    })
    expect(
      await sql`SELECT (SELECT count(*)::int FROM t) AS rows, count(*)::int AS fetched
        FROM azure_storage.blob_get(${args[0]}, ${args[1]}, 'js/7.csv') AS t (a int, b text)`,
    ).toEqual([{ rows: 9, fetched: 3 }])
    await sql.end()
  })
})
