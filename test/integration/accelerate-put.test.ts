import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const CSV = '1,b1\n2,b2\n3,b3\n'

describe.each(servers)('blob_put() as COPY, on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  let container: string
  let args: string
  let calls = 0
  /** Whether the functions of the server have called the proxy while it ran. */
  const isCopied = async (work: () => Promise<unknown>): Promise<boolean> => {
    const before = calls
    await work()
    return calls === before
  }
  const put = (path: string, rest = 't) FROM t'): string => `SELECT azure_storage.blob_put(${args}, '${path}', ${rest}`
  const wireClient = (): Promise<WireClient> => WireClient.connect(stack.url())

  beforeAll(async () => {
    const write = (line: string): void => {
      if (line.includes('"function call"')) calls++
    }
    stack = await startCopyStack(server, {}, pino({ level: 'debug' }, { write }))
    client = stack.client
    container = stack.container.containerName
    args = `'${account.name}', '${container}'`
    await client.query(`CREATE TABLE t (a int, b text); INSERT INTO t SELECT n, 'b' || n FROM generate_series(1, 3) n;
      CREATE TABLE one (v text); INSERT INTO one VALUES ('x')`)
  })
  afterAll(() => stack.close())

  test.each([
    ['a table', 't) FROM t'],
    ['with an alias, a condition and options', "x, 'csv', 'none', '{}') AS done FROM public.t AS x WHERE x.a > 0"],
    ['a subquery', "q, 'auto', 'auto', azure_storage.options_csv_put()) FROM (SELECT * FROM t ORDER BY a) q"],
  ])('%s', async (name, rest) => {
    expect(await isCopied(() => client.query(put(`${name}.csv`, rest)))).toBe(true)
    expect(await stack.get(`${name}.csv`)).toBe(CSV)
    const { facts, rows, end } = stack.proxy.transfers.finished.at(-1) ?? {}
    expect([facts?.statement, facts?.path, rows, end?.outcome]).toEqual(['blob_put', `${name}.csv`, 3, 'done'])
    expect(stack.proxy.transfers.live).toEqual([])
  })

  test.each([
    ['DISTINCT', () => put('no.csv', 't) FROM t').replace('blob_put(', 'blob_put(DISTINCT ')],
    ['FILTER', () => put('no.csv', 't) FILTER (WHERE a > 0) FROM t')],
    ['ORDER BY', () => put('no.csv', 't ORDER BY a) FROM t')],
    ['GROUP BY', () => put('no.csv', 't) FROM t GROUP BY ()')],
    ['HAVING', () => put('no.csv', 't) FROM t HAVING count(*) > 0')],
    ['LIMIT', () => put('no.csv', 't) FROM t LIMIT 1')],
    ['two targets', () => put('no.csv', 't), 1 AS n FROM t')],
    ['an expression', () => put('no.csv', 't) IS NULL AS n FROM t')],
    ['WITH', () => `WITH w AS (SELECT * FROM t) ${put('no.csv', 'w) FROM w')}`],
    ['a join', () => put('no.csv', 't) FROM t JOIN one ON true')],
    ['row()', () => put('no.csv', 'row(a, b)) FROM t')],
    ['a function for a path', () => put('no.csv').replace("'no.csv'", "concat('no', '.csv')")],
    ['a column for a path', () => put('no.csv').replace("'no.csv'", "t.b || '.csv'")],
    ['FOR UPDATE in a subquery', () => put('no.csv', 'q) FROM (SELECT * FROM t FOR UPDATE) q')],
    ['EXECUTE', () => `PREPARE p AS ${put('no.csv')}; EXECUTE p`],
    ['a later statement', () => `SELECT 1; ${put('no.csv')}`],
    ['another encoding', () => put('no.csv', `t, 'csv', 'none', '{"content_encoding": "LATIN1"}') FROM t`)],
  ])('not with %s', async (_, sql) => {
    const other = await stack.connect()
    expect(await isCopied(() => other.query(sql()))).toBe(false)
    expect(await stack.exists(sql().includes('t.b') ? 'b1.csv' : 'no.csv')).toBe(true)
  })

  test('blobgres.accelerate, wherever it is set', async () => {
    const role = await stack.createStorageUser('slow')
    await client.query(`GRANT SELECT ON t TO ${role}; ALTER ROLE ${role} SET blobgres.accelerate = off`)
    const other = await stack.connect(role)
    expect(await isCopied(() => other.query(put('set.csv')))).toBe(false)
    await other.query('BEGIN; SET LOCAL blobgres.accelerate = on')
    expect(await isCopied(() => other.query(put('set.csv')))).toBe(true)
    await other.query("COMMIT; SET blobgres.accelerate = 'no Boolean'")
    expect(await isCopied(() => other.query(put('set.csv')))).toBe(false)
  })

  test('parameters, as text and in binary form', async () => {
    const text = put('').replace(/\(.*/s, '($1, $2::text, $3, t, $4, $5, $6) FROM t')
    const values = [account.name, container, 'p.csv', 'csv', 'none', '{"header": true}']
    const query = () => client.query({ text, values })
    expect(await isCopied(query)).toBe(true)
    expect(await stack.get('p.csv')).toBe(`a,b\n${CSV}`)
    const binary = [...values.slice(0, 5).map(value => Buffer.from(value)), Buffer.from('\x01{"header": false}')]
    const other = await wireClient()
    const bind = wire.bind(binary, { formats: [1], results: [1] })
    other.send(wire.parse(text, '', [25, 1043]), bind, wire.describePortal(), wire.execute(), wire.sync)
    let told: string[] = []
    expect(
      await isCopied(async () => {
        told = await other.until('Z')
      }),
    ).toBe(true)
    expect(told).toEqual(['1', '2', expect.stringMatching(/^T/), expect.stringMatching(/^D/), 'C SELECT 1.', 'Z I'])
    expect(await stack.get('p.csv')).toBe(CSV)
    await other.close()
  })

  test('a NULL parameter is refused as ever', async () => {
    const text = put('').replace(/\(.*/s, '($1, $2, $3, t) FROM t')
    const error = await errorOf(client.query({ text, values: [account.name, container, null] }))
    expect([error.code, error.message]).toEqual(['22004', expect.stringContaining('path')])
  })

  test('a portal sees what was there when it was bound', async () => {
    const other = await wireClient()
    await other.query('BEGIN; CREATE TEMP TABLE seen (a int); INSERT INTO seen VALUES (1)')
    const sql = put('portal.csv', 'seen) FROM seen')
    other.send(wire.parse(sql, 's'), wire.bind([], { portal: 'p', statement: 's' }))
    other.send(wire.parse('INSERT INTO seen VALUES (2)'), wire.bind(), wire.execute(), wire.execute('p'), wire.sync)
    await other.until('Z')
    expect(await stack.get('portal.csv')).toBe('1\n')
    other.send(wire.bind([], { portal: 'q', statement: 's' }), wire.execute('q', 1), wire.execute('q'), wire.sync)
    expect(await other.until('Z')).toEqual(['2', expect.stringMatching(/^D/), 's', 'C SELECT 0.', 'Z T'])
    expect(await stack.get('portal.csv')).toBe('1\n2\n')
    await other.close()
  })

  test('many rows, and large ones', async () => {
    for (const [rows, length] of [
      [100_000, 10],
      [40, 100_000],
      [3, 5_000_000],
    ] as const) {
      const source = `(SELECT n, repeat('x', ${length}) AS x FROM generate_series(1, ${rows}) n) q`
      expect(await isCopied(() => client.query(put('many.csv', `q) FROM ${source}`)))).toBe(true)
      const lines = (await stack.get('many.csv')).split('\n')
      expect(lines.length).toBe(rows + 1)
      expect(lines.every((line, i) => i === rows || line === `${i + 1},${'x'.repeat(length)}`)).toBe(true)
    }
  })

  test('no rows: NULL, no blob, no transfer', async () => {
    for (const rest of [
      "t, 'csv', 'none', '{\"header\": true}') FROM t WHERE false",
      "t, 'binary') FROM t WHERE false",
    ]) {
      const before = stack.proxy.transfers.finished.length
      const query = async () => expect((await client.query(put('none.csv', rest))).rows).toEqual([{ blob_put: null }])
      expect(await isCopied(query)).toBe(true)
      expect(await stack.exists('none.csv')).toBe(false)
      expect(stack.proxy.transfers.finished.length).toBe(before)
    }
  })

  test('a row of COPY that fails, ROLLBACK or not, leaves the blob as it was', async () => {
    await stack.put('old.csv', 'old')
    const failing = put('old.csv', 'q) FROM (SELECT 1 / (20000 - n) AS x FROM generate_series(1, 30000) n) q')
    expect(await errorOf(client.query(failing))).toMatchObject({ code: '22012', where: undefined })
    await client.query('BEGIN')
    expect(await errorOf(client.query(failing))).toMatchObject({ code: '22012' })
    expect(await errorOf(client.query(put('old.csv')))).toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK')
    expect(await stack.get('old.csv')).toBe('old')
    expect(stack.proxy.transfers.live).toEqual([])
  })

  test('the storage refuses it: the same error', async () => {
    const query = put('a.csv').replace(container, 'not-there')
    const shown = async () => {
      const { code, message, detail, hint, where, position } = await errorOf(client.query(query))
      return { code, message, detail: detail?.replace(/[0-9a-f-]{36}/g, '…'), hint, where, position }
    }
    const error = await shown()
    expect(error.code).not.toBe('XX000')
    await client.query('SET blobgres.accelerate = off')
    expect(await shown()).toEqual(error)
    await client.query('RESET blobgres.accelerate')
  })

  test('cancelled, or too late: no blob', async () => {
    const rows = "SELECT repeat('x', 10000), pg_sleep(0.05)::text FROM generate_series(1, 1000) n"
    const slow = put('slow.csv', `q) FROM (${rows}) q`)
    const other = await stack.connect()
    await other.query('SET statement_timeout = 300')
    const message = 'canceling statement due to statement timeout'
    expect(await errorOf(other.query(slow))).toMatchObject({ code: '57014', message, where: undefined })
    await other.query('RESET statement_timeout')
    const running = errorOf(other.query(slow))
    const pid = (other as unknown as { processID: number }).processID
    await expect.poll(() => stack.proxy.transfers.live.length).toBe(1)
    await sleep(50)
    await client.query('SELECT pg_cancel_backend($1)', [pid])
    expect(await running).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
    expect(await stack.exists('slow.csv')).toBe(false)
  })

  test('row-level security and rights are what they are', async () => {
    const role = await stack.createStorageUser('guarded')
    await client.query(`CREATE TABLE guarded (a int, b text); INSERT INTO guarded SELECT * FROM t;
      ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (a > 1);
      GRANT SELECT ON guarded TO ${role}; GRANT SELECT (a) ON t TO ${role}`)
    const other = await stack.connect(role)
    expect(await isCopied(() => other.query(put('rls.csv', 'guarded) FROM guarded')))).toBe(true)
    expect(await stack.get('rls.csv')).toBe('2,b2\n3,b3\n')
    expect(await errorOf(other.query(put('rls.csv')))).toMatchObject({ code: '42501' })
    await other.query('SET row_security = off')
    expect(await errorOf(other.query(put('rls.csv', 'guarded) FROM guarded')))).toMatchObject({ code: '42501' })
    const stranger = await stack.connect(await stack.createRole('stranger'))
    expect(await errorOf(stranger.query(put('x.csv', 'q) FROM (SELECT 1) q')))).toMatchObject({
      code: '42501',
      message: expect.stringContaining('is not allowed to use storage account'),
    })
  })

  test('functions of that name that are somebody else’s are called', async () => {
    const other = await stack.connect()
    await other.query(`CREATE SCHEMA mine; SET search_path = mine, azure_storage, public;
      CREATE FUNCTION mine.blob_put(text, text, text, one) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$`)
    const { rows } = await other.query(`SELECT blob_put(${args}, 'mine.csv', one) FROM one`)
    expect(rows).toEqual([{ blob_put: 'mine' }])
    await other.query(`DROP FUNCTION mine.blob_put;
      CREATE FUNCTION mine.options_csv_put() RETURNS jsonb LANGUAGE sql VOLATILE AS $$ SELECT '{"delimiter": ";"}'::jsonb $$;
      CREATE FUNCTION mine.in_order() RETURNS boolean LANGUAGE sql AS 'SELECT false';
      CREATE OPERATOR mine.<> (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)`)
    const call = `blob_put(${args}, 'mine.csv', t, 'csv', 'none', options_csv_put()) FROM t WHERE a OPERATOR(mine.<>) 2`
    expect(await isCopied(() => other.query(`SELECT ${call}`))).toBe(false)
    expect(await stack.get('mine.csv')).toBe('2;b2\n')
    await other.query('DROP FUNCTION mine.options_csv_put')
    expect(await isCopied(() => other.query(`SELECT ${call}`))).toBe(true)
    expect(await stack.get('mine.csv')).toBe('2,b2\n')
  })

  test('where there is no extension, nothing else happens', async () => {
    const { rows } = await client.query('SELECT current_database() AS name')
    const url = stack.url().replace(rows[0].name, 'postgres')
    const other = new pg.Client(url)
    await other.connect()
    await other.query('BEGIN')
    await other.query('CREATE TEMP TABLE t (a int)')
    expect(await errorOf(other.query('SELECT blob_put(1) FROM t'))).toMatchObject({ code: '42883' })
    await other.end()
  })
})
