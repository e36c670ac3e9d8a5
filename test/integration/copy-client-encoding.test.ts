import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type PsqlResult, psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY with URLs and client encodings on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, $$é$$)')
    await stack.client.query('CREATE TABLE target (LIKE t); CREATE VIEW "vüe" AS SELECT b AS "ö" FROM t')
  })
  afterAll(() => stack.close())
  const inEncoding = (encoding: string, sql: string): Promise<PsqlResult> =>
    psql({ url: stack.url(), env: { PGCLIENTENCODING: encoding } }, [
      '-q',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      sql,
    ])

  it('LATIN1: the statement and the file are LATIN1', async () => {
    const client = await stack.connect()
    await client.query("SET client_encoding = 'LATIN1'")
    // The driver writes UTF-8 always: as LATIN1, each of its two bytes is a character.
    await client.query('CREATE TABLE "é" AS SELECT 1 AS a')
    await client.query(`COPY "é" TO '${stack.blobUrl('é.csv')}' (HEADER)`)
    expect(await stack.get(Buffer.from('é.csv').toString('latin1'))).toBe('a\n1\n')
    await stack.client.query(`SET client_encoding = 'LATIN1'; COPY t TO '${stack.blobUrl('latin1.csv')}'`)
    expect(await stack.getBytes('latin1.csv')).toEqual(Buffer.from('1,é\n', 'latin1'))
    await stack.client.query('RESET client_encoding')
  })

  it.each(['LATIN2', 'KOI8R', 'WIN1258', 'EUC_KR', 'EUC_CN'])(
    '%s: names of blobs, as the server reads them',
    async encoding => {
      const client = await stack.connect()
      const { rows } = await client.query("SELECT convert_from('\\xc3a9', $1) AS name", [encoding])
      await client.query(`SET client_encoding = '${encoding}'`)
      await client.query(`COPY t TO '${stack.blobUrl('é.csv')}' WITH (ENCODING 'UTF8')`) // the driver writes UTF-8 always
      expect(await stack.get(`${rows[0].name}.csv`)).toBe('1,é\n')
      expect(await stack.exists('é.csv')).toBe(false)
      const { rowCount } = await client.query(`COPY target FROM '${stack.blobUrl('é.csv')}' WITH (ENCODING 'UTF8')`)
      expect(rowCount).toBe(1)
    },
  )

  it('bytes that are none of the encoding', async () => {
    const client = await stack.connect()
    await client.query("SET client_encoding = 'EUC_KR'")
    const error = await errorOf(client.query(`COPY t TO '${stack.blobUrl('Ā.csv')}'`))
    expect([error.code, error.message]).toEqual(['22021', 'invalid byte sequence for encoding "EUC_KR": 0xc4 0x80'])
  })

  it('errors are in the encoding of the client', async () => {
    const client = await stack.connect()
    await client.query("SET client_encoding = 'LATIN1'")
    expect((await errorOf(client.query("COPY t TO 'https://é.example/box/x.csv'"))).message).toBe(
      'azure_storage: invalid blob URL: https://é.example/box/x.csv',
    )
  })

  it('EUC_JP and others: names beyond ASCII', async () => {
    const url = await stack.put('日本.csv', Buffer.from('1,x\n'))
    const client = await stack.connect()
    await client.query("SET client_encoding = 'EUC_JP'")
    expect((await client.query(`COPY target FROM '${url.replace('日本', encodeURIComponent('日本'))}'`)).rowCount).toBe(
      1,
    )
  })

  it('SJIS: a file whose characters hold backslashes', async () => {
    const sjis = Buffer.from([0x31, 0x2c, 0x83, 0x5c, 0x0a]) // 1,ソ
    const url = await stack.put('sjis.csv', sjis)
    expect(await inEncoding('SJIS', `TRUNCATE target; COPY target FROM '${url}'`)).toMatchObject({
      stderr: '',
      status: 0,
    })
    expect((await stack.client.query('TABLE target')).rows).toEqual([{ a: 1, b: 'ソ' }])
    await inEncoding('SJIS', `COPY target TO '${stack.blobUrl('back.csv')}'`)
    expect(await stack.getBytes('back.csv')).toEqual(sjis)
  })

  it('errors with positions count characters', async () => {
    const sql = `/* é */ COPY "vüe" TO '${stack.blobUrl('x.csv')}' (nope)`
    const { stderr } = await inEncoding('UTF8', sql)
    expect(stderr).toMatch(/option "nope" not recognized\nLINE 1: .*\(nope\)\n +\^/)
    const [, line = '', caret = ''] = stderr.split('\n')
    expect(line.slice(caret.indexOf('^'))).toBe('nope)')
  })

  it('standard_conforming_strings off: backslashes are escapes', async () => {
    const url = await stack.put('tabs.tsv', '1\tN\n')
    const off = await stack.connect()
    await off.query('SET standard_conforming_strings = off; SET escape_string_warning = off')
    await off.query(`TRUNCATE target; COPY target FROM '${url}' WITH (FORMAT 'tsv', DELIMITER '\\t', NULL '\\N')`)
    expect((await off.query('TABLE target')).rows).toEqual([{ a: 1, b: null }])
    await off.query(`COPY target TO '${stack.blobUrl('tabs.csv')}' WITH (DELIMITER '\\t')`)
    expect(await stack.get('tabs.csv')).toBe('1\t\n')
    const { rows } = await off.query(`SELECT 'a\\'b -- COPY t FROM \\'${url}\\'' AS v`)
    expect(rows).toEqual([{ v: `a'b -- COPY t FROM '${url}'` }])
  })
})
