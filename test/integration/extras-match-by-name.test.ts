import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY FROM with MATCH_BY_NAME, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE TABLE t (id int, "Name" text, é text, made text DEFAULT 'made', twice int GENERATED ALWAYS AS (id * 2) STORED);
      SET blobgres.extras = on`)
  })
  afterAll(() => stack.close())

  const copy = async (contents: string | Buffer, options = 'HEADER, MATCH_BY_NAME', name = 'in.csv') =>
    `COPY t FROM '${await stack.put(name, contents)}' (${options})`
  const rowsOf = async (...args: Parameters<typeof copy>) => {
    const text = await copy(...args)
    const results: unknown[] = []
    for (const statement of [text, inside(text)]) {
      await stack.client.query('TRUNCATE t')
      await stack.client.query(statement)
      results.push((await stack.client.query('SELECT t::text FROM t')).rows.map(row => row.t))
    }
    expect(results[1]).toEqual(results[0])
    return results[0]
  }

  it('columns of a csv file in any order; what it lacks has its default', async () => {
    expect(await rowsOf('Name,id\na,1\nb,2\n')).toEqual(['(1,a,,made,2)', '(2,b,,made,4)'])
    expect(
      await rowsOf('"id";"é";\'Name\'\r\n1;x;y\r\n'.replaceAll("'", '"'), "HEADER, MATCH_BY_NAME on, DELIMITER ';'"),
    ).toEqual(['(1,y,x,made,2)'])
    expect(await rowsOf(Buffer.from('é,id\nü,1\n', 'latin1'), "HEADER, MATCH_BY_NAME, ENCODING 'LATIN1'")).toEqual([
      '(1,,ü,made,2)',
    ])
    expect(await rowsOf('')).toEqual([])
    expect(await rowsOf('made')).toEqual([])
    expect(await rowsOf('1,a,b,c\n', 'MATCH_BY_NAME off')).toEqual(['(1,a,b,c,2)'])
    await stack.client.query('ALTER TABLE t ADD "a,""b" text')
    expect(await rowsOf('"a,""b",id\nx,1\n')).toEqual(['(1,,,made,2,x)'])
    expect(await rowsOf("'a,\"b',id\nx,1\n", "HEADER, MATCH_BY_NAME, QUOTE '''', ESCAPE '~'")).toEqual([
      '(1,,,made,2,x)',
    ])
    await stack.client.query('ALTER TABLE t DROP "a,""b"')
  })

  it('columns of a Parquet file', async () => {
    await stack.client.query(`COPY (SELECT 'n' AS "Name", 7 AS id) TO '${stack.blobUrl('in.parquet')}'`)
    const text = `COPY t FROM '${stack.blobUrl('in.parquet')}' (MATCH_BY_NAME)`
    await stack.client.query(`TRUNCATE t; ${text}`)
    await stack.client.query(inside(text))
    expect((await stack.client.query('SELECT t::text FROM t')).rows).toEqual([
      { t: '(7,n,,made,14)' },
      { t: '(7,n,,made,14)' },
    ])
    await stack.client.query(`COPY (SELECT 1 AS id, 2 AS "NAME") TO '${stack.blobUrl('in.parquet')}'`)
    for (const statement of [text, inside(text)]) {
      expect(await errorOf(stack.client.query(statement))).toMatchObject({
        code: '42703',
        message: 'column "NAME" of relation "t" does not exist',
      })
    }
  })

  it.each([
    ['id,more\n', '42703', 'column "more" of relation "t" does not exist'],
    ['id,name\n', '42703', 'column "name" of relation "t" does not exist'],
    ['id,id\n', '42701', 'column "id" specified more than once'],
    ['id,twice\n', '42P10', 'column "twice" is a generated column'],
    ['id,\n', '22P04', 'azure_storage: column 2 of the blob has no name'],
    [`id,${'x'.repeat(1100000)}`, '54000', 'azure_storage: the header of the blob is larger than 1 MB'],
    ['id,a\0b\n', '22021', 'invalid byte sequence for encoding "UTF8": 0x00'],
    ['id,'.repeat(1601), '54011', 'azure_storage: the blob has 1602 columns, and no table more than 1600'],
    ['id\nx\n', '22P02', 'invalid input syntax for type integer: "x"'],
  ])('%.20s is refused', async (contents, code, message) => {
    const text = await copy(contents)
    for (const statement of [text, inside(text)]) {
      expect(await errorOf(stack.client.query(statement))).toMatchObject({ code, message })
    }
  })

  it('what cannot be found out is told as of any COPY', async () => {
    const none = `COPY t FROM '${stack.blobUrl('none.csv')}' (HEADER, MATCH_BY_NAME)`
    const nothing = `COPY nothing FROM '${stack.blobUrl('none.csv')}' (HEADER, MATCH_BY_NAME)`
    const role = await stack.createRole('nobody')
    await stack.client.query(`GRANT INSERT ON t TO ${role}`)
    for (const way of [(text: string) => text, inside]) {
      for (const begin of ['', 'BEGIN;']) {
        await stack.client.query(begin)
        expect(await errorOf(stack.client.query(way(none)))).toMatchObject({
          message: 'azure_storage: blob with the given name does not exist',
        })
        await stack.client.query('ROLLBACK')
      }
      expect(await errorOf(stack.client.query(way(nothing)))).toMatchObject({ code: '42P01' })
      await stack.client.query(`SET ROLE ${role}`)
      expect(await errorOf(stack.client.query(way(none)))).toMatchObject({ code: '42501' })
      await stack.client.query('RESET ROLE')
    }
    expect(
      await errorOf(
        stack.client.query(`BEGIN; ROLLBACK; SET blobgres.extras = off; SET blobgres.extras = on; ${none}`),
      ),
    ).toMatchObject({
      message: 'azure_storage: blob with the given name does not exist',
    })
  })

  it('as a prepared statement, whose file may not change its columns', async () => {
    const prepared = { name: 'load', text: await copy('Name,id\na,1\n') }
    await stack.client.query('TRUNCATE t')
    await stack.client.query(prepared)
    await stack.put('in.csv', 'Name,id\nb,2\n')
    await stack.client.query(prepared)
    expect((await stack.client.query('SELECT "Name", id FROM t')).rows).toEqual([
      { Name: 'a', id: 1 },
      { Name: 'b', id: 2 },
    ])
    await stack.put('in.csv', 'id,Name\n1,a\n')
    expect(await errorOf(stack.client.query(prepared))).toMatchObject({ code: '22P04' })
  })

  it('needs a header, and no list', async () => {
    const url = await stack.put('in.csv', 'id\n1\n')
    for (const [text, code] of [
      [`COPY t FROM '${url}' (MATCH_BY_NAME)`, '0A000'],
      [`COPY t (id) FROM '${url}' (HEADER, MATCH_BY_NAME)`, '0A000'],
      [`COPY t FROM '${url}' (FORMAT tsv, HEADER, MATCH_BY_NAME)`, '0A000'],
      [`COPY t TO '${url}' (HEADER, MATCH_BY_NAME)`, '0A000'],
      [`COPY t FROM '${stack.blobUrl('*.csv')}' (HEADER, MATCH_BY_NAME)`, '0A000'],
      [`COPY t FROM '${url}' (HEADER, MATCH_BY_NAME maybe)`, '42601'],
      [`COPY t FROM '${url}' (HEADER, MATCH_BY_NAME, MATCH_BY_NAME)`, '42601'],
    ] as const) {
      for (const statement of [text, inside(text)])
        expect(await errorOf(stack.client.query(statement))).toMatchObject({ code })
    }
  })

  it('is unknown where extras are off, and asks for a text of its own where they are not on yet', async () => {
    const session = await stack.connect()
    const text = await copy('Name,id\na,1\n')
    const refusal = { code: '42601', message: 'option "match_by_name" not recognized' }
    expect(await errorOf(session.query(text))).toMatchObject(refusal)
    expect(await errorOf(session.query(inside(text)))).toMatchObject(refusal)
    expect(await errorOf(session.query(`SET blobgres.extras = on; ${text}`))).toMatchObject({
      code: '55000',
      hint: 'Send it in a query of its own.',
    })
  })
})
