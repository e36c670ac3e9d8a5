import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { containerSas } from '../support/blobs.ts'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const HEADER = ['line', 'column', 'message', 'row']

describe.each(servers)('REJECTED of COPY FROM with ON_ERROR ignore, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      SET blobgres.extras = on;
      CREATE DOMAIN small AS int CHECK (value < 10);
      CREATE TABLE t (a int, b text, c small DEFAULT 1);
      CREATE TABLE keyed (a int PRIMARY KEY)`)
  })
  beforeEach(async () => {
    await stack.client.query('TRUNCATE t, keyed')
    await stack.container.getBlobClient('bad.csv').deleteIfExists()
    stack.notices.length = 0
  })
  afterAll(() => stack.close())

  const copy = async (table: string, contents: string, options = '', name = 'in.csv') =>
    `COPY ${table} FROM '${await stack.put(name, contents)}' (ON_ERROR ignore, REJECTED '${stack.blobUrl('bad.csv')}'${options})`
  const rejected = async (): Promise<string[][]> => parse(await stack.get('bad.csv'))

  it('writes them beside the data, with their lines and what is wrong', async () => {
    const text = await copy('t', 'a,b,c\n1,one,1\nx,"t,""w\no",2\n3,,\n4,"",99\n', ', HEADER')
    expect(await stack.client.query(text)).toMatchObject({ command: 'COPY', rowCount: 2, fields: [] })
    expect(await rejected()).toEqual([
      HEADER,
      ['4', 'a', 'invalid input syntax for type integer: "x"', 'x,"t,""w\no",2'],
      ['6', 'c', 'value for domain small violates check constraint "small_check"', '4,"",99'],
    ])
    expect(stack.notices).toEqual(['2 rows were skipped due to data type incompatibility'])
  })

  it('of any format, in any client encoding', async () => {
    const text = await copy('t (b, a)', 'ein\tx\n\\N\ty\nÜber\tz\n', ", ENCODING 'UTF8'", 'in.tsv')
    await stack.client.query("SET client_encoding = 'LATIN1'")
    await stack.client.query(text)
    await stack.client.query('RESET client_encoding')
    const rows = (await rejected()).map(([line, , , row]) => [line, row])
    expect(rows.slice(1)).toEqual([
      ['1', 'ein,x'],
      ['2', ',y'],
      ['3', 'Über,z'],
    ])
  })

  it.runIf(server.version >= 16)('as the file has them, where a value stands for a default', async () => {
    await stack.client.query(await copy('t', 'x,two,\\D\n', ", DEFAULT '\\D'"))
    expect((await rejected())[1]?.at(-1)).toBe('x,two,\\D')
  })

  it('of more rows than fit in memory, as they come', async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => (i % 2 === 1 ? `x${i},${'b'.repeat(2000)}\n` : `${i},\n`))
    await stack.client.query(await copy('t (a, b)', lines.join('')))
    const rows = await rejected()
    expect(rows).toHaveLength(1501)
    expect(rows.at(-1)).toEqual([
      '3000',
      'a',
      'invalid input syntax for type integer: "x2999"',
      `x2999,${'b'.repeat(2000)}`,
    ])
  })

  it('cut where they are long', async () => {
    await stack.client.query(await copy('t (a, b)', `x,"${'""'.repeat(100_000)}"\n${'x'.repeat(100_000)},\n`))
    const [, first, second] = await rejected()
    expect(first?.[3]).toBe(`x,${'"'.repeat(65_534)}`)
    expect(second?.slice(2).map(text => text.length)).toEqual([1024, 65_536])
  })

  it('compressed where its name says so', async () => {
    const text = (await copy('t (a)', 'x\n')).replace('bad.csv', 'bad.csv.gz')
    await stack.client.query(text)
    expect(parse(gunzipSync(await stack.getBytes('bad.csv.gz')))).toHaveLength(2)
  })

  it('writes no blob where nothing is rejected', async () => {
    expect((await stack.client.query(await copy('t (a)', '1\n2\n'))).rowCount).toBe(2)
    expect(await stack.exists('bad.csv')).toBe(false)
  })

  it.each([
    ['x\n1\n1\n', '', '23505'],
    ['x\ny\n', ', REJECT_LIMIT 1', '22P02'],
    ['x\n1,2\n', '', '22P04'],
  ])('writes no blob where the statement fails: %j (%s)', async (contents, options, code) => {
    expect(await errorOf(stack.client.query(await copy('keyed', contents, options)))).toMatchObject({ code })
    expect(await stack.exists('bad.csv')).toBe(false)
    expect((await stack.client.query('SELECT FROM keyed')).rowCount).toBe(0)
  })

  it.each([1, 3000])('loads nothing where the blob cannot be written, of %i rows', async count => {
    const contents = `1,\n${`x,${'b'.repeat(2000)}\n`.repeat(count)}`
    const text = (await copy('t (a, b)', contents)).replace(`${stack.container.containerName}/bad`, 'nowhere/bad')
    expect(await errorOf(stack.client.query(text))).toMatchObject({ code: '58P01' })
    expect((await stack.client.query('SELECT FROM t')).rowCount).toBe(0)
  })

  it('as a prepared statement, in a transaction, and beside other statements', async () => {
    const text = await copy('t (a)', '1\nx\n')
    await stack.client.query('BEGIN')
    for (let i = 0; i < 2; i++) {
      expect(await stack.client.query({ name: 'reject', text })).toMatchObject({ command: 'COPY', rowCount: 1 })
      expect(await rejected()).toHaveLength(2)
      await stack.container.deleteBlob('bad.csv')
    }
    await stack.client.query('ROLLBACK')
    const both = `${text}; SELECT 1; ${text.replace('bad.csv', 'other.csv')}`
    const results = (await stack.client.query(both)) as unknown as { command: string }[]
    expect(results.map(({ command }) => command)).toEqual(['COPY', 'SELECT', 'COPY'])
    expect(await stack.get('other.csv')).toBe(await stack.get('bad.csv'))
  })

  it("takes nobody else's message for a row", async () => {
    await stack.client.query(`
      CREATE TABLE noisy (a int);
      CREATE FUNCTION noise() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE INFO 'azure_storage: rejected %', repeat('0', 32) USING DETAIL = 'WzFd'; RETURN new; END $$;
      CREATE TRIGGER noise BEFORE INSERT ON noisy FOR EACH ROW EXECUTE FUNCTION noise()`)
    await stack.client.query(await copy('noisy', '1\n'))
    expect(stack.notices).toEqual([`azure_storage: rejected ${'0'.repeat(32)}`])
    expect(await stack.exists('bad.csv')).toBe(false)
  })

  it.each(['no JSON', '{}', '[1,2,3]', '[1,2,3,[4]]'])('takes no message for a row that is none: %s', async told => {
    await stack.client.query(`
      CREATE TABLE forged (a int);
      CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE INFO 'azure_storage: rejected %', substring(current_query() FROM '"rejected_mark": ?"(\\w+)"')
          USING DETAIL = encode('${told}', 'base64');
        RETURN new;
      END $$;
      CREATE TRIGGER forge BEFORE INSERT ON forged FOR EACH ROW EXECUTE FUNCTION forge()`)
    expect((await stack.client.query(await copy('forged', '1\nx\n'))).rowCount).toBe(1)
    await stack.client.query('DROP TABLE forged; DROP FUNCTION forge')
    expect(stack.notices.at(-1)).toMatch(/^azure_storage: rejected \w{32}$/)
    expect((await rejected()).map(([, , , row]) => row)).toEqual(['row', 'x'])
  })

  it('by the rights to its account, or by a shared access signature, which nobody sees', async () => {
    const session = await stack.connect(await stack.createRole('anybody'))
    await stack.client.query('GRANT ALL ON t TO public')
    await session.query('SET blobgres.extras = on')
    const [readable, writable] = ['r', 'cw'].map(rights => containerSas(stack.container, rights))
    const text = (await copy('t (a)', '1\nx\n')).replace("in.csv'", `in.csv?${readable}'`)
    expect(await errorOf(session.query(text))).toMatchObject({ code: '42501' })
    expect(await errorOf(session.query(text.replace("bad.csv'", `bad.csv?${readable}'`)))).toMatchObject({
      code: '42501',
    })
    expect(await stack.exists('bad.csv')).toBe(false)
    const allowed = text.replace("bad.csv'", `bad.csv?${writable}'`)
    // Long texts are read in another thread.
    await session.query(`${allowed} /* ${'long '.repeat(20_000)} */`)
    await session.query(allowed)
    expect(await rejected()).toHaveLength(2)
    const seen = await stack.client.query("SELECT query FROM pg_stat_activity WHERE query LIKE '%in.csv%'")
    expect(seen.rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(seen.rows)).not.toContain('sig=')
  })

  it.each([
    ['ON_ERROR stop', '22023', 'COPY REJECTED requires ON_ERROR to be set to IGNORE'],
    ["ON_ERROR ignore, REJECTED 'x'", '42601', 'conflicting or redundant options'],
  ])('fails with %s', async (options, code, message) => {
    const text = (await copy('t (a)', '1\n')).replace('ON_ERROR ignore', options)
    expect(await errorOf(stack.client.query(text))).toMatchObject({ code, message })
  })

  it('fails with what is no blob, with COPY TO, and with a pattern of names', async () => {
    const text = await copy('t (a)', '1\n')
    const failure = (statement: string) => errorOf(stack.client.query(statement))
    expect(await failure(text.replace(/REJECTED '.*?'/, "REJECTED 'bad.csv'"))).toMatchObject({ code: '22023' })
    expect(await failure(text.replace(/REJECTED '.*?'/, 'REJECTED'))).toMatchObject({ code: '42601' })
    expect(await failure(text.replace('FROM', 'TO').replace('ON_ERROR ignore, ', ''))).toMatchObject({
      code: '22023',
      message: 'COPY REJECTED cannot be used with COPY TO',
    })
    expect(await failure(text.replace('bad.csv', 'in%2Ecsv'))).toMatchObject({
      code: '22023',
      message: 'azure_storage: the blob of option "rejected" is the one that the rows are read from',
    })
    expect(await stack.get('in.csv')).toBe('1\n')
    expect(await failure(text.replace('in.csv', '*.csv'))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: COPY REJECTED cannot be used with a pattern of names',
    })
  })

  it('is refused inside a function', async () => {
    expect(await errorOf(stack.client.query(inside(await copy('t (a)', '1\n'))))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: COPY REJECTED cannot be used inside a function',
    })
  })

  it('is not there where extras are off', async () => {
    const session = await stack.connect()
    const text = await copy('t (a)', '1\n')
    for (const statement of [text, inside(text)]) {
      const { code, message } = await errorOf(session.query(statement.replace('ON_ERROR ignore, ', '')))
      expect([code, message]).toEqual(['42601', 'option "rejected" not recognized'])
    }
  })
})
