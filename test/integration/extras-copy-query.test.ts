import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY of a query to a blob, with extras on, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE TABLE r AS SELECT i AS id, 'n' || i AS r, i * 1.5 AS "Price" FROM generate_series(1, 3) i;
      SET blobgres.extras = on`)
  })
  afterAll(() => stack.close())
  let files = 0
  const both = async (query: string, options = '') => {
    const [top, within] = [`out-${files++}.csv`, `out-${files++}.csv`]
    const { rowCount } = await stack.client.query(`COPY ${query} TO '${stack.blobUrl(top)}' ${options}`)
    const statement = `COPY ${query} TO '${stack.blobUrl(within)}' ${options}`
    await stack.client.query(`DO $do$ BEGIN EXECUTE $x$${statement}$x$; END $do$`)
    const written = await stack.get(top)
    expect(await stack.get(within)).toBe(written)
    return [rowCount, written]
  }

  it('whatever is a SELECT, at top level and in functions', async () => {
    expect(await both('(SELECT id, r FROM r ORDER BY id DESC)', '(HEADER)')).toEqual([3, 'id,r\n3,n3\n2,n2\n1,n1\n'])
    expect(await both('(SELECT r FROM r WHERE id = 2 -- ) TO x\n)')).toEqual([1, 'n2\n'])
    expect(await both('(SELECT id, id, 1 AS "a""b" FROM r LIMIT 1)', 'CSV HEADER')).toEqual([
      1,
      'id,id,"a""b"\n1,1,1\n',
    ])
    expect(await both("(WITH w AS (SELECT 'to' AS x) TABLE w)")).toEqual([1, 'to\n'])
    expect(await both('(VALUES (1, NULL), (2, $$x,y$$))', '(FORCE_QUOTE *)')).toEqual([2, '"1",\n"2","x,y"\n'])
    expect(await both('(SELECT 1 AS a, 2 AS b, 3 AS b)', '(FORCE_QUOTE (a))')).toEqual([1, '"1",2,3\n'])
    expect(await both('(SELECT * FROM r WHERE false)', '(HEADER)')).toEqual([0, 'id,r,Price\n'])
  })

  it('what an INSERT returns, at top level', async () => {
    await stack.client.query('CREATE TABLE made (a int)')
    const url = stack.blobUrl('made.csv')
    const made = '(INSERT INTO made VALUES (1), (2) RETURNING a * 10)'
    expect((await stack.client.query(`COPY ${made} TO '${url}'`)).rowCount).toBe(2)
    expect(await stack.get('made.csv')).toBe('10\n20\n')
    expect(await errorOf(stack.client.query(inside(`COPY ${made} TO '${url}'`)))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: COPY inside a function can take its rows from a SELECT alone',
    })
    expect((await stack.client.query('SELECT count(*)::int AS n FROM made')).rows[0].n).toBe(2)
  })

  it('columns may have any name, also those of rows in texts of ours', async () => {
    const names = ['r', 'q', 'one', 'new_row', 'azure_storage row']
    const query = `(SELECT ${names.map((name, i) => `${i} AS "${name}"`)})`
    for (const format of ['csv', 'binary', 'parquet', 'jsonl']) await both(query, `(FORMAT ${format})`)
  })

  it('Parquet has the names and types of its columns', async () => {
    const query = `(SELECT id, r AS "R", ARRAY[id] AS ids, date '2024-02-29' + id AS day FROM r ORDER BY id)`
    for (const [name, statement] of [
      ['top.parquet', (copy: string) => copy],
      ['inside.parquet', inside],
    ] as const) {
      await stack.client.query(statement(`COPY ${query} TO '${stack.blobUrl(name)}'`))
      const { rows } = await stack.client.query(
        `SELECT id, "R", ids, day::text FROM azure_storage.blob_get($1, $2, $3) AS t (id int, "R" text, ids int[], day date)`,
        [account.name, stack.container.containerName, name],
      )
      expect(rows).toEqual([1, 2, 3].map(id => ({ id, R: `n${id}`, ids: [id], day: `2024-03-0${id}` })))
    }
    const returning = `COPY (INSERT INTO r VALUES (1) RETURNING id) TO '${stack.blobUrl('no.parquet')}'`
    expect(await errorOf(stack.client.query(returning))).toMatchObject({ code: '0A000' })
  })

  it("errors are COPY's own, and prepared statements do it too", async () => {
    const url = stack.blobUrl('x.csv')
    expect(await errorOf(stack.client.query(`COPY (SELECT nope FROM r) TO '${url}'`))).toMatchObject({
      code: '42703',
      message: 'column "nope" does not exist',
      position: '14',
    })
    expect(await errorOf(stack.client.query(`COPY (SELECT 1 INTO x) TO '${url}'`))).toMatchObject({ code: '0A000' })
    const prepared = { name: 'export', text: `COPY (SELECT 7) TO '${url}'` }
    await stack.client.query(prepared)
    await stack.client.query(prepared)
    expect(await stack.get('x.csv')).toBe('7\n')
  })

  it('is refused where extras are off, in the session, in a function, by a value that is none', async () => {
    const session = await stack.connect()
    const copy = `COPY (SELECT 1) TO '${stack.blobUrl('off.csv')}'`
    const others = ['(SELECT nope)', '(INSERT INTO r VALUES (1) RETURNING id)'].map(
      query => `COPY ${query} TO '${stack.blobUrl('off.parquet')}'`,
    )
    const refusal = {
      message: 'azure_storage: Query is not supported while copying data to blob storage',
      code: '0A000',
      hint: 'Create a view for the query and copy the view.',
    }
    for (const statement of [copy, ...others]) {
      expect(await errorOf(session.query(statement))).toMatchObject(refusal)
      expect(await errorOf(session.query(inside(statement)))).toMatchObject(refusal)
    }
    await session.query("SET blobgres.extras = 'perhaps'")
    expect(await errorOf(session.query(copy))).toMatchObject({ code: '22023' })
    await session.query(`BEGIN; SET LOCAL blobgres.extras = on; ${copy}; COMMIT; RESET blobgres.extras`)
    expect(await errorOf(session.query(copy))).toMatchObject(refusal)
  })

  it('may be on for a role, and for a database', async () => {
    const role = await stack.createStorageUser('extra')
    const copy = `COPY (SELECT 1) TO '${stack.blobUrl('on.csv')}'`
    for (const whom of [`ROLE ${role}`, `DATABASE ${stack.database.name}`]) {
      await stack.client.query(`ALTER ${whom} SET blobgres.extras = on`)
      await (await stack.connect(role)).query(copy)
      await stack.client.query(`ALTER ${whom} RESET blobgres.extras`)
    }
    const session = await stack.connect(role)
    expect(await errorOf(session.query(copy))).toMatchObject({ code: '0A000' })
  })
})

describe('a proxy with --extras', () => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(servers.at(-1) as (typeof servers)[number], { extras: true })
  })
  afterAll(() => stack.close())

  it('needs no setting', async () => {
    const copy = `COPY (SELECT 1) TO '${stack.blobUrl('on.csv')}'`
    await stack.client.query(copy)
    await stack.client.query(inside(copy))
    expect(await stack.get('on.csv')).toBe('1\n')
  })
})
