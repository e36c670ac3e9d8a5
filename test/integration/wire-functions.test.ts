import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const { query, parse, bind, execute, sync, flush, describeStatement, describePortal } = wire

/** Every conversation takes place twice: with blob_list(), and with a table that holds what it gives. */
describe.each(servers)('blob_list on the wire is as a table on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: WireClient
  beforeAll(async () => {
    stack = await startCopyStack(server)
    for (const name of ['a', 'b', 'c', 'd', 'e']) await stack.put(`${name}.csv`, name.repeat(3))
    await stack.client.query(`CREATE TABLE listed AS SELECT * FROM ${blobList()}`)
  })
  afterAll(() => stack.close())
  beforeEach(async () => {
    client = await WireClient.connect(stack.url())
    return () => client.close()
  })

  const blobList = (): string => `azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`

  async function bothAnswer(until: string, conversation: (from: string) => Buffer[]): Promise<string[]> {
    client.send(...conversation('listed'))
    const expected = await client.until(until)
    client.send(...conversation(blobList()))
    const answers = await client.until(until)
    expect(answers).toEqual(expected)
    return answers
  }

  it('in pages, which end with their transaction', async () => {
    const select = (from: string): Buffer => parse(`SELECT path, bytes FROM ${from}`)
    const pages = await bothAnswer('ZZZZZ', from => [
      ...[
        query('BEGIN'),
        select(from),
        bind([], { portal: 'p' }),
        execute('p', 2),
        sync,
        execute('p', 2),
        execute('p'),
      ],
      ...[sync, query('COMMIT'), execute('p', 2), sync],
    ])
    expect(pages.map(line => line[0]).join('')).toBe('CZ12DDsZDDsDCZCZEZ')
    const outside = await bothAnswer('ZZ', from => [select(from), bind(), execute('', 2), sync, execute('', 2), sync])
    expect(outside.at(-2)).toBe('E ERROR 34000 portal "" does not exist')
  })

  it('described, by statement and by portal', async () => {
    await bothAnswer('Z', from => [
      parse(`SELECT * FROM ${from} WHERE path > $1 AND bytes = $2`),
      ...[describeStatement(), bind(['b', '3'], { results: [1] }), describePortal(), sync],
    ])
  })

  it('with values and results in text, in binary and in both', async () => {
    const three = Buffer.from([0, 0, 0, 0, 0, 0, 0, 3])
    for (const results of [[], [1], [0, 1, 0], [1, 0, 1]]) {
      await bothAnswer('Z', from => [
        parse(`SELECT path, bytes, last_modified FROM ${from} WHERE path > $1 AND bytes = $2`),
        bind(['b', three], { formats: [0, 1], results }),
        ...[describePortal(), execute(), sync],
      ])
    }
  })

  it('from statements that are prepared by SQL and from cursors', async () => {
    const rows = await bothAnswer('ZZZZZZ', from => [
      ...[query(`PREPARE q AS SELECT path FROM ${from} WHERE bytes > $1`), query('EXECUTE q(1)')],
      query(`BEGIN; DECLARE c CURSOR FOR SELECT path FROM ${from}; FETCH 2 FROM c; MOVE 1 FROM c; FETCH 1 FROM c`),
      ...[query('ROLLBACK'), query('DEALLOCATE q'), query('EXECUTE q(1)')],
    ])
    expect(rows).toContain('D d.csv')
  })

  it('found by a search_path that ends with its transaction', async () => {
    await stack.client.query('CREATE SCHEMA IF NOT EXISTS plain; ALTER TABLE listed SET SCHEMA plain')
    const bare = (from: string): Buffer => query(`SELECT path FROM ${from}`)
    client.send(query('BEGIN; SET LOCAL search_path = plain'), bare('listed'), query('ROLLBACK'), bare('listed'))
    const expected = await client.until('ZZZZ')
    const call = blobList().replace('azure_storage.', '')
    client.send(query('BEGIN; SET LOCAL search_path = azure_storage'), bare(call), query('ROLLBACK'), bare(call))
    const answers = await client.until('ZZZZ')
    await stack.client.query('ALTER TABLE plain.listed SET SCHEMA public')
    const found = answers.filter(line => /^[DZC]/.test(line))
    expect(found).toEqual(expected.filter(line => /^[DZC]/.test(line)))
    expect(answers.at(-2)).toMatch(/^E ERROR 42883 function blob_list/)
  })

  it('after a Flush', async () => {
    client.send(parse(`SELECT count(*) FROM ${blobList()}`), bind(), execute(), flush)
    expect(await client.until('C')).toEqual(['1', '2', 'D 5', 'C SELECT 1.'])
    client.send(sync)
    expect(await client.until('Z')).toEqual(['Z I'])
  })
})

describe.each(servers)('What the bytes of a text mean on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: WireClient
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a int)')
  })
  afterAll(() => stack.close())
  beforeEach(async () => {
    await stack.client.query('TRUNCATE t')
    client = await WireClient.connect(stack.url())
    return () => client.close()
  })

  it('hangs on standard_conforming_strings of the moment, also in one write', async () => {
    const url = await stack.put('two.csv', '1\n2\n')
    // With backslashes as escapes the first literal goes on to the COPY; the second holds one.
    const copy = query(`SELECT 'a\\', ' ; COPY t FROM $$${url}$$ --'`)
    client.send(copy, query('SET standard_conforming_strings = off; SET escape_string_warning = off'), copy)
    client.send(query('SET standard_conforming_strings = on'), copy)
    const answers = await client.until('ZZZZZ')
    expect(answers.filter(line => line === 'C COPY 2.')).toHaveLength(1)
    expect(await client.value('SELECT count(*) FROM t')).toBe('2')
  })

  it('hangs on client_encoding of the moment, also in one write', async () => {
    const url = await stack.put('two.csv', '1\n2\n')
    // In SJIS the backslash is the second byte of a character.
    const copy = query(Buffer.from(`SELECT length(E'\x83\\'); COPY t FROM '${url}'; --')`, 'latin1'))
    client.send(query("SET client_encoding = 'SJIS'"), copy, query("SET client_encoding = 'LATIN1'"), copy)
    const answers = await client.until('ZZZZ')
    expect(answers.filter(line => line === 'C COPY 2.')).toHaveLength(1)
    expect(await client.value('SELECT count(*) FROM t')).toBe('2')
  })

  it("a session's own notifications carry its process id", async () => {
    client.send(query('LISTEN c; NOTIFY c'))
    let pid = 0
    for (let frame = await client.read(); frame && frame.code !== 'Z'.charCodeAt(0); frame = await client.read()) {
      if (frame.code === 'A'.charCodeAt(0)) pid = frame.bytes.readInt32BE(5)
    }
    expect(pid).toBe(client.pid)
    expect(await client.value('SELECT pg_backend_pid()')).toBe(String(pid))
  })
})
