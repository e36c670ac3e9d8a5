import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

const URL = 'https://acct.blob.core.windows.net/box/a.csv'

describe.each(servers)('what merely looks like a COPY with a URL on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a text)')
  })
  afterAll(() => stack.close())

  it('passes as it is: comments, literals, identifiers, dollar quotes', async () => {
    for (const [sql, value] of [
      [`SELECT 1 /* COPY t FROM '${URL}' */ AS v`, 1],
      [`SELECT 1 AS v -- ; COPY t FROM '${URL}'`, 1],
      [`/* /* nested */ ; COPY t FROM '${URL}'; */ SELECT 1 AS v`, 1],
      [`SELECT 'COPY t FROM ''${URL}''' AS v`, `COPY t FROM '${URL}'`],
      [`SELECT E'\\'; COPY t FROM \\'${URL}\\'' AS v`, `'; COPY t FROM '${URL}'`],
      [`SELECT $$; COPY t FROM '${URL}'$$ AS v`, `; COPY t FROM '${URL}'`],
      [`SELECT $a$ $$ COPY t FROM '${URL}'; $$ $a$ AS v`, ` $$ COPY t FROM '${URL}'; $$ `],
      [`SELECT v FROM (VALUES (1)) "COPY t FROM '${URL}'" (v)`, 1],
    ] as const) {
      expect((await stack.client.query(sql)).rows).toEqual([{ v: value }])
    }
  })

  it("pg_stat_activity shows the client's own bytes", async () => {
    const sql = `SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() /* COPY t FROM '${URL}'  */ ;`
    expect((await stack.client.query(sql)).rows).toEqual([{ query: sql }])
    const two = `SELECT 1;  ${sql}`
    const results = (await stack.client.query(two)) as unknown as { rows: unknown[] }[]
    expect(results[1]?.rows).toEqual([{ query: two }])
  })

  it('other COPYs, beside one of ours', async () => {
    const url = await stack.put('a.csv', 'from blob\n')
    const { stdout, stderr } = await psql(stack.url(), [
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      `COPY t FROM '${url}'; COPY t TO STDOUT; COPY (SELECT '${URL}') TO STDOUT; COPY t TO '${stack.blobUrl('b.csv')}'`,
    ])
    expect([stdout, stderr]).toEqual([`COPY 1\nfrom blob\n${URL}\nCOPY 1\n`, ''])
    const fed = await psql(stack.url(), `COPY t FROM STDIN;\n${URL}\n\\.\nCOPY t TO STDOUT;`)
    expect(fed.stdout).toBe(`from blob\n${URL}\n`)
    await stack.client.query('TRUNCATE t')
  })

  it("COPY of a file or a program is the server's", async () => {
    expect(await errorOf(stack.client.query("TRUNCATE t; COPY t FROM '/no/such/https://file.csv'"))).toMatchObject({
      code: '58P01',
    })
    await stack.client.query('TRUNCATE t')
    expect((await stack.client.query(`COPY t FROM PROGRAM 'echo ${URL}'`)).rowCount).toBe(1)
    expect((await stack.client.query('TABLE t')).rows).toEqual([{ a: URL }])
    await stack.client.query('TRUNCATE t')
  })

  it('a function that holds such a statement', async () => {
    await stack.client.query(`CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$
      BEGIN RETURN 'COPY t FROM ''${URL}'''; END $$`)
    expect((await stack.client.query('SELECT f() AS v')).rows).toEqual([{ v: `COPY t FROM '${URL}'` }])
  })

  it("a text that does not parse is the server's to complain about", async () => {
    const sql = `SELECT 1; COPY t FRM '${URL}'`
    expect(await errorOf(stack.client.query(sql))).toMatchObject({
      code: '42601',
      message: 'syntax error at or near "FRM"',
      position: String(sql.indexOf('FRM') + 1),
    })
    expect(await errorOf(stack.client.query(`COPY t FROM '${URL}`))).toMatchObject({ code: '42601' })
  })

  it('100 MB of query text', async () => {
    const length = 100 * 1024 * 1024
    const sql = `SELECT length('COPY ${URL} ${'x'.repeat(length)}') AS n`
    const session = await stack.connect()
    expect((await session.query(sql)).rows).toEqual([{ n: length + `COPY ${URL} `.length }])
    expect((await session.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
  })
})
