import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { message, run, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const { query, parse, bind, execute, sync, flush, describeStatement, describePortal, closeStatement } = wire
const { copyData, copyDone, copyFail } = wire

const code = (letter: string): number => letter.charCodeAt(0)
const raw = (letter: string, length: number): Buffer => {
  const header = Buffer.alloc(5)
  header[0] = code(letter)
  header.writeInt32BE(length, 1)
  return header
}

const TABLE = query('CREATE TEMP TABLE t (a int)')
const COUNT = query('SELECT count(*) FROM t')
const COPY_T = run('COPY t FROM STDIN')

/** What the client sends, and the messages it waits for before it sends the next. */
type Exchange = readonly (readonly [bytes: Buffer | readonly Buffer[], until: string])[]

const EXCHANGES: Readonly<Record<string, Exchange>> = {
  'empty queries': [[[query(''), query(';'), query('-- c'), query('SELECT'), query('SELECT;;SELECT 1')], 'ZZZZZ']],
  'an empty statement, described and executed': [
    [[parse(''), describeStatement(), bind(), describePortal(), execute(), sync], 'Z'],
  ],
  'an empty query in a failed transaction': [[[query('BEGIN; SELECT 1/0'), query(';'), query('COMMIT')], 'ZZZ']],
  'NULL and the empty string': [[[parse('SELECT $1::text, $2::text'), bind([null, '']), execute(), sync], 'Z']],
  'one transaction for all statements of a query': [
    [TABLE, 'Z'],
    [[query('INSERT INTO t VALUES (1); SELECT 1/0; INSERT INTO t VALUES (2)'), COUNT], 'ZZ'],
    [query('INSERT INTO t VALUES (1); BEGIN; SELECT 2'), 'Z'],
    [query('ROLLBACK'), 'Z'],
    [query('SELECT 1; CREATE DATABASE nope'), 'Z'],
  ],
  'the fast path': [[[wire.functionCall(1398, ['-7']), wire.functionCall(1398, ['x'])], 'ZZ']],
  'three pipelines of which the middle fails': [
    [
      [
        ...[run('SELECT 1'), run('SELECT 2'), sync, run('SELECT 3'), run('SELECT 1/0'), run('SELECT 4'), sync],
        ...[run('SELECT 5'), sync],
      ],
      'ZZZ',
    ],
  ],
  'pipelines and queries in one write': [
    [[run('SELECT 1'), sync, query('SELECT 2'), run('SELECT 3'), sync, sync, query('SELECT 4')], 'ZZZZZ'],
  ],
  'Flush brings replies without ReadyForQuery': [
    [[parse('SELECT $1::int'), describeStatement(), flush], 'T'],
    [[bind(['5']), execute(), flush], 'C'],
    [sync, 'Z'],
  ],
  'an error comes at once and all up to Sync is skipped': [
    [TABLE, 'Z'],
    [[run('SELECT 1/0')], 'E'],
    [[run('INSERT INTO t VALUES (1)'), query('INSERT INTO t VALUES (2)'), sync], 'Z'],
    [COUNT, 'Z'],
  ],
  'named statements': [
    [[parse('SELECT 1', 'x'), parse('SELECT 2', 'x'), sync], 'Z'],
    [[bind([], { statement: 'x' }), execute(), closeStatement('unknown'), sync], 'Z'],
    [[parse('SELECT 3', 'y'), run('SELECT 1/0'), sync, bind([], { statement: 'y' }), execute(), sync], 'ZZ'],
    [query('DEALLOCATE ALL'), 'Z'],
    [[bind([], { statement: 'y' }), sync], 'Z'],
  ],
  'portals and row limits': [
    [[parse('SELECT generate_series(1, 5)'), bind(), execute('', 2), execute('', 2), execute('', 2), sync], 'Z'],
    [[execute(), sync], 'Z'],
  ],
  'status of a transaction': [
    [[query('BEGIN'), query('SELECT 1'), query('SELECT 1/0'), query('SELECT 1'), query('COMMIT')], 'ZZZZZ'],
    [[run('BEGIN'), sync, run('SAVEPOINT s'), sync, run('SELECT 1/0'), sync], 'ZZZ'],
    [[query('ROLLBACK TO s'), query('SELECT 1'), query('ROLLBACK')], 'ZZZ'],
  ],
  'COPY IN, simple': [
    [TABLE, 'Z'],
    [query('COPY t FROM STDIN; SELECT 7'), 'G'],
    [[copyData('1\n2'), copyData('3\n'), copyData(''), copyDone], 'Z'],
    [query('COPY t FROM STDIN'), 'G'],
    [[copyData('5\n'), copyFail('no more')], 'Z'],
    [query('COPY t FROM STDIN'), 'G'],
    [[copyData('bad\n'), copyData('5\n'), copyData('5\n'), copyDone, COUNT], 'ZZ'],
  ],
  'COPY IN in one write': [
    [[TABLE, query('COPY t FROM STDIN'), copyData('1\n'), copyDone, COUNT, run('SELECT 1'), sync], 'ZZZZ'],
    [[query('COPY t FROM STDIN; COPY t FROM STDIN'), copyData('1\n'), copyDone, copyData('2\n'), copyDone], 'Z'],
    [[query('SELECT 1'), query('COPY t FROM STDIN'), copyData('1\n'), copyDone, query('TABLE t')], 'ZZZ'],
  ],
  'COPY IN, extended: Sync within the data is ignored': [
    [TABLE, 'Z'],
    [[COPY_T, sync, copyData('1\n'), copyDone, sync], 'Z'],
    [[COPY_T, flush], 'G'],
    [[copyData('1\n'), flush, sync, copyData('2\n'), copyDone, sync], 'Z'],
    [COUNT, 'Z'],
  ],
  'COPY IN, extended: fails before it begins': [
    [[run('COPY missing FROM STDIN'), sync, copyData('1\n'), copyDone, sync], 'ZZ'],
    [query('SELECT 1'), 'Z'],
  ],
  'COPY IN, extended: fails within': [
    [TABLE, 'Z'],
    [[COPY_T, copyData('x\n'), copyDone, run('SELECT 1'), sync], 'Z'],
    [[COPY_T, sync, copyData('x\n'), copyDone, query('SELECT 2'), sync], 'Z'],
    [COUNT, 'Z'],
  ],
  'COPY OUT, with notices between the rows and an error': [
    [
      query(`CREATE FUNCTION pg_temp.n(g int) RETURNS int LANGUAGE plpgsql AS
        $$BEGIN RAISE NOTICE 'row %', g; RETURN 6 / (3 - g); END$$`),
      'Z',
    ],
    [query('COPY (SELECT pg_temp.n(g) FROM generate_series(1, 2) g) TO STDOUT'), 'Z'],
    [query('COPY (SELECT pg_temp.n(g) FROM generate_series(1, 4) g) TO STDOUT'), 'Z'],
  ],
  'copy messages out of place': [
    [[copyData('x'), copyDone, copyFail('y'), query('SELECT 1'), run('SELECT 2'), copyDone, sync], 'ZZ'],
    [[TABLE, query('COPY t FROM STDIN'), copyData('1\n\\.\n2\n'), copyData('3\n'), copyDone, COUNT], 'ZZZ'],
  ],
  'a query while rows are due': [[[TABLE, query('COPY t FROM STDIN'), query('SELECT 1')], 'EOF']],
  'a query of ours while rows are due': [
    [[TABLE, query('COPY t FROM STDIN'), query("COPY t FROM 'https://acct.blob.core.windows.net/c/f'")], 'EOF'],
  ],
  'parameters change': [
    [[query("SET application_name = 'a'; SET DateStyle = 'German'; SET client_encoding = 'LATIN1'")], 'Z'],
    [[query("BEGIN; SET TimeZone = 'Asia/Tokyo'; ROLLBACK")], 'Z'],
  ],
  notifications: [[[query('LISTEN c; NOTIFY c, $$1$$'), query('BEGIN; NOTIFY c, $$2$$; COMMIT')], 'ZZ']],
  "encodings are the server's to judge": [
    [query(Buffer.from("SELECT 'a\xff'", 'latin1')), 'Z'],
    [[query("SET client_encoding = 'SJIS'"), query(Buffer.from("SELECT length('\x83\x5c'), 'x'", 'latin1'))], 'ZZ'],
  ],
  'a Sync with a body': [[[message(code('S'), Buffer.from('x')), query('SELECT 1')], 'ZZ']],
  'an unknown message': [[message(code('z')), 'EOF']],
  'a message length of 3': [[raw('Q', 3), 'EOF']],
  'a negative message length': [[raw('Q', -1), 'EOF']],
  'a message length above the limit': [[raw('Q', 0x3fffffff), 'EOF']],
  'a Close that is too long': [[raw('C', 10_005), 'EOF']],
  Terminate: [[[query('SELECT 1'), wire.terminate], 'EOF']],
}

async function answers(url: string, exchange: Exchange, send: (client: WireClient, bytes: Buffer) => Promise<void>) {
  const client = await WireClient.connect(url)
  const shown: string[] = []
  for (const [bytes, until] of exchange) {
    await send(client, Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes as Buffer[]))
    shown.push(...(await client.until(until)))
  }
  await client.close()
  return shown.map(line => line.replace(/pg_temp_\d+/g, 'pg_temp'))
}

const atOnce = async (client: WireClient, bytes: Buffer): Promise<void> => client.send(bytes)

async function bytewise(client: WireClient, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    client.send(Buffer.of(byte))
    await new Promise(setImmediate)
  }
}

describe.each(servers)('The wire through the proxy is as without it on PostgreSQL $version', server => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startStack(server)
  })
  afterAll(() => stack.close())

  it.each(Object.entries(EXCHANGES))('%s', async (_, exchange) => {
    const expected = await answers(stack.database.url, exchange, atOnce)
    expect(await answers(stack.url(), exchange, atOnce)).toEqual(expected)
    expect(await answers(stack.url(), exchange, bytewise)).toEqual(expected)
  })
})
