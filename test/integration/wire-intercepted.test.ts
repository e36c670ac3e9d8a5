import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { run, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const { query, parse, bind, execute, sync, flush, describeStatement, describePortal, closeStatement } = wire

describe.each(servers)('Statements of ours on the wire on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: WireClient
  /** COPY of the two rows of a blob into the table t. */
  let copyIn: string
  const copyOut = (name: string): string => `COPY t TO '${stack.blobUrl(name)}'`
  beforeAll(async () => {
    stack = await startCopyStack(server)
    copyIn = `COPY t FROM '${await stack.put('two.csv', '1\n2\n')}'`
  })
  afterAll(() => stack.close())
  beforeEach(async () => {
    client = await WireClient.connect(stack.url())
    await client.query('CREATE TEMP TABLE t (a int)')
    return () => client.close()
  })
  const count = (): Promise<string | undefined> => client.value('SELECT count(*) FROM t')

  it('take their place among others, however the bytes come', async () => {
    const bytes = Buffer.concat([
      loginPacket(stack.url()),
      query('CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (0)'),
      query(`SELECT 'before'; ${copyIn}; SELECT count(*) FROM t`),
      ...[run('SELECT 1'), run(copyIn), run('SELECT count(*) FROM t'), sync],
      query(copyOut('cut.csv')),
      query('SELECT 2'),
    ])
    const expected = [
      ...['C CREATE TABLE.', 'C INSERT 0 1.', 'Z I'],
      ...['T ?column?:25/0', 'D before', 'C SELECT 1.', 'C COPY 2.', 'T count:20/0', 'D 3'],
      ...['C SELECT 1.', 'Z I'],
      ...['1', '2', 'D 1', 'C SELECT 1.', '1', '2', 'C COPY 2.', '1', '2', 'D 5', 'C SELECT 1.', 'Z I'],
      ...['C COPY 5.', 'Z I', 'T ?column?:23/0', 'D 2', 'C SELECT 1.', 'Z I'],
    ]
    const random = new Random(1)
    const sizes = [() => bytes.length, () => 1, () => 1 + random.below(40)]
    for (const size of sizes) {
      const each = await WireClient.open(stack.url())
      for (let at = 0, end = 0; at < bytes.length; at = end) {
        end = Math.min(bytes.length, at + size())
        each.send(bytes.subarray(at, end))
        await new Promise(setImmediate)
      }
      await each.until('Z')
      const shown = [...(await each.until('ZZZ')), ...(await each.until('ZZ'))]
      expect(shown).toEqual(expected)
      await each.close()
    }
  })

  it('are atomic with the rest of their pipeline', async () => {
    client.send(run('INSERT INTO t VALUES (0)'), run(copyIn), run('SELECT 1/0'), sync)
    const replies = ['1', '2', 'C INSERT 0 1.', '1', '2', 'C COPY 2.', '1', 'E ERROR 22012 division by zero', 'Z I']
    expect((await client.until('Z')).filter(line => line !== '1' && line !== '2')).toEqual(
      replies.filter(line => line !== '1' && line !== '2'),
    )
    expect(await count()).toBe('0')
  })

  it('are not run where the backend skips', async () => {
    client.send(run('SELECT 1/0'), run(copyOut('skipped.csv')), run(copyIn), sync)
    expect((await client.until('Z')).slice(-2)).toEqual(['E ERROR 22012 division by zero', 'Z I'])
    client.send(parse(copyOut('skipped.csv'), 'x'), run('SELECT 1/0'), bind([], { statement: 'x' }), execute(), sync)
    expect((await client.until('Z')).slice(-2)).toEqual(['E ERROR 22012 division by zero', 'Z I'])
    client.send(run('SELECT 1/0'), query(copyIn), sync)
    expect((await client.until('Z')).slice(-2)).toEqual(['E ERROR 22012 division by zero', 'Z I'])
    expect(await stack.exists('skipped.csv')).toBe(false)
    expect(await count()).toBe('0')
  })

  it('leave unnamed statements and portals alone', async () => {
    client.send(parse('SELECT 42'), parse(copyIn, 'c'), bind([], { portal: 'p', statement: 'c' }), execute('p'))
    client.send(bind(), execute(), sync)
    expect((await client.until('Z')).slice(0, 6)).toEqual(['1', '1', '2', 'C COPY 2.', '2', 'D 42'])
    expect(await client.value(`SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'azure%'`)).toBe('0')
  })

  it('stay prepared, are replaced and closed as others are', async () => {
    client.send(parse(copyIn, 'c'), sync)
    expect(await client.until('Z')).toEqual(['1', 'Z I'])
    for (let i = 0; i < 100; i++) client.send(bind([], { statement: 'c' }), execute(), sync)
    expect((await client.until('Z'.repeat(100))).filter(line => line === 'C COPY 2.')).toHaveLength(100)
    client.send(parse('SELECT 1', 'c'), sync)
    expect(await client.until('Z')).toEqual([`E ERROR 42P05 prepared statement "c" already exists`, 'Z I'])
    client.send(bind([], { statement: 'c' }), execute(), sync)
    expect(await client.until('Z')).toEqual(['2', 'C COPY 2.', 'Z I'])
    client.send(run('SELECT 1/0'), closeStatement('c'), sync, bind([], { statement: 'c' }), execute(), sync)
    expect((await client.until('ZZ')).slice(-3)).toEqual(['2', 'C COPY 2.', 'Z I'])
    client.send(closeStatement('c'), parse('SELECT 1', 'c'), bind([], { statement: 'c' }), execute(), sync)
    expect((await client.until('Z')).slice(-2)).toEqual(['C SELECT 1.', 'Z I'])
    client.send(query('DEALLOCATE ALL'), parse('SELECT 2', 'c'), bind([], { statement: 'c' }), execute(), sync)
    expect((await client.until('ZZ')).slice(-2)).toEqual(['C SELECT 1.', 'Z I'])
    expect(await count()).toBe('204')
  })

  it('are described without being run', async () => {
    client.send(parse(copyOut('described.csv')), describeStatement(), bind(), describePortal(), sync)
    expect((await client.until('Z')).map(line => line[0])).toEqual(['1', 't', 'n', '2', 'n', 'Z'])
    expect(await stack.exists('described.csv')).toBe(false)
  })

  it('answer a Flush', async () => {
    client.send(parse(copyIn), bind(), execute(), flush)
    expect(await client.until('C')).toEqual(['1', '2', 'C COPY 2.'])
    client.send(run('SELECT 1/0'), sync)
    await client.until('Z')
    expect(await count()).toBe('0')
  })

  it('keep to the transaction and its savepoints', async () => {
    const missing = `COPY t FROM '${stack.blobUrl('missing.csv')}'`
    client.send(run('BEGIN'), sync, query(copyIn), query('SAVEPOINT s'), query(missing))
    const replies = await client.until('ZZZZ')
    expect(replies.filter(line => line[0] === 'Z')).toEqual(['Z T', 'Z T', 'Z T', 'Z E'])
    client.send(query('SELECT 1'), query(copyIn), query(copyOut('failed.csv')), run(copyIn), sync)
    const refused = 'E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block'
    expect(await client.until('ZZZZ')).toEqual([refused, 'Z E', refused, 'Z E', refused, 'Z E', refused, 'Z E'])
    client.send(query('ROLLBACK TO s'), run(missing), sync, query('ROLLBACK TO s'), query('COMMIT'))
    expect((await client.until('ZZZZ')).filter(line => line[0] === 'Z')).toEqual(['Z T', 'Z E', 'Z T', 'Z I'])
    expect(await count()).toBe('2')
    expect(await stack.exists('failed.csv')).toBe(false)
  })

  it('that could not be bound are no portal in the failed transaction', async () => {
    client.send(
      query('BEGIN'),
      wire.parse(copyIn, 's'),
      wire.bind(['too many'], { portal: 'p', statement: 's' }),
      sync,
      wire.execute('p'),
      sync,
    )
    const replies = await client.until('ZZZ')
    expect(replies.slice(-4)).toEqual([
      expect.stringContaining('08P01'),
      'Z E',
      'E ERROR 34000 portal "p" does not exist',
      'Z E',
    ])
  })

  it('stand beside a COPY of the client in one query', async () => {
    const data = [wire.copyData('7\n8'), wire.copyData('\n'), wire.copyDone]
    client.send(query(`${copyIn}; COPY t FROM STDIN; ${copyIn}; COPY t TO STDOUT`))
    expect(await client.until('G')).toEqual(['C COPY 2.', expect.stringMatching(/^G/)])
    client.send(...data)
    expect((await client.until('Z')).filter(line => /^[CZE]/.test(line))).toEqual([
      'C COPY 2.',
      'C COPY 2.',
      'C COPY 6.',
      'Z I',
    ])
    client.send(query(`${copyIn}; COPY t FROM STDIN; ${copyIn}`), ...data, query(copyIn))
    expect((await client.until('ZZ')).filter(line => /^[CZE]/.test(line))).toEqual([
      ...['C COPY 2.', 'C COPY 2.', 'C COPY 2.', 'Z I'],
      ...['C COPY 2.', 'Z I'],
    ])
    client.send(query(`${copyIn}; COPY t FROM STDIN; ${copyIn}`), wire.copyData('bad\n'), query(copyIn))
    const replies = await client.until('E')
    expect(replies.at(-1)).toMatch(/^E ERROR 22P02/)
  })

  it('wait for the transaction that a client of many statements began', async () => {
    client.send(
      query(`BEGIN; ${copyIn}; SELECT 1/0`),
      query('SELECT 1'),
      query('ROLLBACK'),
      query(`${copyIn}; ${copyIn}`),
    )
    expect((await client.until('ZZZZ')).filter(line => line[0] === 'Z')).toEqual(['Z E', 'Z E', 'Z I', 'Z I'])
    expect(await count()).toBe('4')
  })

  it('come to their turn after a query that the backend skips', async () => {
    client.send(run('SELECT 1/0'), query('SELECT 1'), sync, query(copyIn), run('SELECT 1/0'), query(copyIn), sync)
    const replies = await client.until('ZZZ')
    expect(replies.filter(line => /^[CEZ]/.test(line))).toEqual([
      ...['E ERROR 22012 division by zero', 'Z I', 'C COPY 2.', 'Z I'],
      ...['E ERROR 22012 division by zero', 'Z I'],
    ])
    client.send(run(copyIn), sync)
    expect((await client.until('Z')).slice(-2)).toEqual(['C COPY 2.', 'Z I'])
  })

  it('come to their turn after a Sync that a COPY of the client has swallowed', async () => {
    client.send(run('COPY t FROM STDIN'), sync, wire.copyData('7\n'), wire.copyDone, run(copyIn), sync)
    const replies = await client.until('Z')
    expect(replies.filter(line => /^[CEZ]/.test(line))).toEqual(['C COPY 1.', 'C COPY 2.', 'Z I'])
  })

  it('come to their turn after a Sync among rows that fail, be it answered or not', async () => {
    for (const [rows, answered] of [
      ['bad\n', 'ZZ'],
      ['bad', 'Z'],
    ] as const) {
      client.send(run('COPY t FROM STDIN'), wire.copyData(rows), sync, wire.copyDone, sync)
      expect((await client.until(answered)).filter(line => /^[EZ]/.test(line))).toHaveLength(1 + answered.length)
      client.send(query('SELECT 1'), query(copyIn), query('SELECT 2'))
      expect((await client.until('ZZZ')).filter(line => /^[CEZ]/.test(line))).toEqual([
        ...['C SELECT 1.', 'Z I', 'C COPY 2.', 'Z I', 'C SELECT 1.', 'Z I'],
      ])
    }
  })

  it('leave the position of a mistake elsewhere in the text', async () => {
    const text = `${copyIn}; SELECT 1 FRM t`
    const mistake = `E ERROR 42601 syntax error at or near "t" at ${text.length}`
    expect(await client.query(text)).toEqual([mistake, 'Z I'])
    client.send(
      query('BEGIN; SELECT 1/0'),
      run('SELECT 1'),
      sync,
      query(`COPY t TO '${stack.blobUrl('x.csv')}'; SELEC`),
    )
    expect((await client.until('ZZZ')).at(-2)).toMatch(/^E ERROR 42601 syntax error at or near "SELEC" at \d+$/)
    await client.query('ROLLBACK')
  })

  it('keep their private statements and notices to themselves', async () => {
    await client.query('SET client_min_messages = debug1')
    expect(await client.query(copyIn)).toEqual(['C COPY 2.', 'Z I'])
    expect(await client.query(copyOut('quiet.csv'))).toEqual(['C COPY 2.', 'Z I'])
    client.send(run(copyIn), run(copyOut('quiet.csv')), sync)
    expect(await client.until('Z')).toEqual(['1', '2', 'C COPY 2.', '1', '2', 'C COPY 4.', 'Z I'])
  })

  it('are cancelled while the proxy looks at what they copy', async () => {
    const cancelled = 'E ERROR 57014 canceling statement due to statement timeout'
    await client.query('CREATE TEMP VIEW v AS TABLE t')
    await client.query("SET statement_timeout = '100ms'")
    const copy = `COPY v TO '${stack.blobUrl('late.csv')}'`
    await stack.client.query('BEGIN; LOCK pg_catalog.pg_class')
    client.send(query(copy), run(copy), sync)
    const replies = await client.until('ZZ')
    await stack.client.query('ROLLBACK')
    expect(replies).toEqual([cancelled, 'Z I', cancelled, 'Z I'])
    await client.query('SET statement_timeout = 0')
    expect(await client.query(copy)).toEqual(['C COPY 0.', 'Z I'])
  })

  it('fail for their own reason within a transaction', async () => {
    await stack.client.query('CREATE SCHEMA closed CREATE VIEW v AS SELECT 1')
    const user = await WireClient.connect(stack.url(await stack.createStorageUser('reader')))
    const copy = `COPY closed.v TO '${stack.blobUrl('closed.csv')}'`
    user.send(query('BEGIN'), query(copy), query('ROLLBACK'), run('BEGIN'), run(copy), sync, query('ROLLBACK'))
    const denied = 'E ERROR 42501 permission denied for schema closed'
    const replies = (await user.until('ZZZZZ')).filter(line => /^[EZ]/.test(line))
    expect(replies).toEqual(['Z T', denied, 'Z E', 'Z I', denied, 'Z E', 'Z I'])
    await user.close()
  })
})
