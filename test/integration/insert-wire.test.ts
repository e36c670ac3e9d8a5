import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { servers } from '../support/servers.ts'
import { run, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const { query, parse, bind, execute, sync, flush, describeStatement, describePortal, closeStatement } = wire

describe.each(servers)('INSERT as COPY on the wire, on PostgreSQL $version', server => {
  const log = recordedLog()
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server, {}, log.logger)
    await stack.put('good.csv', '1,one\n2,two\n')
    await stack.put('bad.csv', '1,one\ntwo,2\n')
  })
  afterAll(() => stack.close())

  const insert = (path: string): string =>
    `INSERT INTO t SELECT * FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}') AS r (a int, b text)`
  const insertAny = (): string => insert('$1').replace("'$1'", '$1')

  /** What comes of messages, up to so many ReadyForQuery, what is in the table then, and how often it went as COPY. */
  const exchanged = async (messages: readonly Buffer[], cycles: number, accelerate: 'on' | 'off') => {
    const client = await WireClient.connect(stack.url())
    await client.query('CREATE TEMP TABLE t (a int, b text, CHECK (a < 3))')
    await client.query(`SET blobgres.accelerate = ${accelerate}`)
    log.take('')
    client.send(...messages)
    const told = await client.until('Z'.repeat(cycles))
    const count = await client.value('SELECT count(*) FROM t')
    const ways = log.take('INSERT as COPY').map(({ isDone }) => isDone)
    await client.close()
    return { seen: { told, count }, ways: ways.map(isDone => (isDone ? 'COPY' : 'INSERT')).join(' ') }
  }

  it.each([
    ['COPY', 1, () => [query(insert('good.csv'))]],
    ['INSERT', 1, () => [query(insert('bad.csv'))]],
    ['COPY', 1, () => [query(insert('absent.csv'))]],
    ['COPY', 3, () => [run(insert('absent.csv')), run('SELECT 1'), sync, query('SELECT 2'), query('SELECT 3')]],
    ['COPY', 4, () => [query('BEGIN'), run(insert('absent.csv')), sync, query('SELECT 2'), query('ROLLBACK')]],
    ['COPY', 1, () => [parse(insert('good.csv')), describeStatement(), bind(), describePortal(), execute(), sync]],
    ['COPY', 1, () => [parse(insertAny(), '', [25]), bind(['good.csv']), flush, execute(), sync]],
    ['COPY', 1, () => [parse(insertAny()), bind(['good.csv'], { formats: [1] }), execute(), sync]],
    ['INSERT', 1, () => [parse(insertAny()), bind([null]), execute(), sync]],
    ['INSERT', 2, () => [run(insert('bad.csv')), run('SELECT 1'), sync, query('SELECT 2')]],
    ['COPY', 1, () => [run(insert('good.csv')), run('SELECT 1/0'), sync]],
    ['INSERT', 1, () => [run("INSERT INTO t VALUES (0, '')"), run(insert('good.csv')), sync]],
    ['COPY INSERT', 1, () => [run(insert('good.csv')), run(insert('good.csv')), sync]],
    [
      'COPY COPY',
      3,
      () => [
        parse(insertAny(), 's'),
        sync,
        ...['good.csv', 'good.csv'].flatMap(path => [bind([path], { statement: 's' }), execute(), sync]),
      ],
    ],
    [
      'INSERT COPY',
      3,
      () => [
        parse(insertAny(), 's'),
        sync,
        ...['bad.csv', 'good.csv'].flatMap(path => [bind([path], { statement: 's', portal: 'p' }), execute('p'), sync]),
      ],
    ],
    [
      'INSERT INSERT',
      2,
      () => [
        parse(insertAny(), 's'),
        sync,
        bind(['good.csv'], { statement: 's', portal: 'p' }),
        bind(['good.csv'], { statement: 's' }),
        execute('p'),
        execute(),
        sync,
      ],
    ],
    [
      '',
      3,
      () => [
        parse(insertAny(), 's'),
        bind(['good.csv'], { statement: 's', portal: 'p' }),
        sync,
        execute('p'),
        sync,
        query('SELECT 1'),
      ],
    ],
    [
      '',
      3,
      () => [
        parse(insertAny(), 's'),
        bind(['good.csv'], { statement: 's', portal: 'p' }),
        sync,
        run('SELECT 1'),
        execute('p'),
        sync,
        query('SELECT 1'),
      ],
    ],
    ['COPY', 3, () => [query('BEGIN'), query(insert('good.csv')), query('COMMIT')]],
    ['COPY', 3, () => [query('BEGIN'), query(insert('good.csv')), query('ROLLBACK')]],
    ['COPY', 3, () => [query('BEGIN'), run(insert('good.csv')), run('SELECT count(*) FROM t'), sync, query('COMMIT')]],
    ['INSERT', 4, () => [query('BEGIN'), run(insert('bad.csv')), sync, query('SELECT 1'), query('COMMIT')]],
    [
      'INSERT COPY',
      6,
      () => [
        query('BEGIN'),
        query('SAVEPOINT s'),
        query(insert('bad.csv')),
        query('ROLLBACK TO s'),
        query(insert('good.csv')),
        query('COMMIT'),
      ],
    ],
    [
      'INSERT COPY',
      6,
      () => [
        query('BEGIN'),
        query('SAVEPOINT azure_storage_private'),
        run(insert('bad.csv')),
        sync,
        query('ROLLBACK TO azure_storage_private'),
        run(insert('good.csv')),
        sync,
        query('COMMIT'),
      ],
    ],
    ['INSERT', 4, () => [query('BEGIN'), query('SELECT 1/0'), query(insert('good.csv')), query('ROLLBACK')]],
    [
      'INSERT',
      3,
      () => [
        query('BEGIN READ ONLY'),
        query(insert('good.csv').replace('INTO t', 'INTO azure_storage.accounts')),
        query('ROLLBACK'),
      ],
    ],
    ['COPY', 2, () => [query(insert('good.csv')), run('SELECT 1'), closeStatement(), sync]],
  ] as const)('%s: what the client gets is what it gets without', async (way, cycles, messages) => {
    const general = await exchanged(messages(), cycles, 'off')
    const accelerated = await exchanged(messages(), cycles, 'on')
    expect(accelerated.seen).toEqual(general.seen)
    expect(general.ways).not.toContain('COPY')
    expect(accelerated.ways).toBe(way)
  })
})
