import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { testConfig } from '../support/stack.ts'
import { startStandby } from '../support/standby.ts'

const MAX_ROW_BYTES = 1024 * 1024

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const END = Buffer.from('ffff', 'hex')
const rows = (...hex: string[]): Buffer => Buffer.concat([HEADER, Buffer.from(hex.join(''), 'hex'), END])

/** Files with something wrong: what the primary's COPY says of them, the standby says too. */
const BAD: readonly [what: string, columns: string, file: Buffer][] = [
  ['no file at all', 'a int', Buffer.alloc(0)],
  ['another signature', 'a int', Buffer.from('a,b,c\n1,2,3\n4,5,6\n')],
  ['no flags', 'a int', HEADER.subarray(0, 13)],
  ['oids', 'a int', Buffer.concat([HEADER.subarray(0, 11), Buffer.from('0001000000000000', 'hex')])],
  ['unknown flags', 'a int', Buffer.concat([HEADER.subarray(0, 11), Buffer.from('0002000000000000', 'hex')])],
  ['no length', 'a int', HEADER.subarray(0, 17)],
  ['a length below 0', 'a int', Buffer.concat([HEADER.subarray(0, 15), Buffer.from('ffffffff', 'hex')])],
  ['a longer header than there is', 'a int', Buffer.concat([HEADER.subarray(0, 15), Buffer.from('0000000500', 'hex')])],
  ['too many fields', 'a int', rows('0001', '0000000400000001', '0002', '0000000400000001', '00000000')],
  ['a field of an impossible size', 'a int', rows('0001', 'fffffffe')],
  ['a field that is cut off', 'a int, b int', rows('0002', '0000000400000001', '000000040000').subarray(0, -2)],
  ['no length of a field', 'a int', Buffer.concat([HEADER, Buffer.from('000100', 'hex')])],
  ['something behind the end', 'a int', Buffer.concat([rows('0001', '0000000400000001'), Buffer.from('x')])],
  ['an int4 of 2 bytes', 'a int, b int', rows('0002', '0000000400000001', '000000020001')],
  [
    'an int4 of 5 bytes',
    'a int, b int',
    rows('0002', '0000000400000001', '00000004000000010002', '00000005000000010000000001'),
  ],
  ['a boolean of 2 bytes', 'a bool', rows('0001', '000000020101')],
  ['bytes of no character', 'a text', rows('0001', '00000001ff')],
  ['NUL', 'a text', rows('0001', '0000000100')],
  ['no json', 'a jsonb', rows('0001', '00000003017b7b')],
  ['no label of an enum', 'a mood', rows('0001', '0000000178')],
  ['a time that is none', 'a time', rows('0001', '000000087fffffffffffffff')],
  ['an array of other things', 'a int[]', rows('0001', '0000001400000001000000000000001900000001', '00000001')],
  [
    'an array whose element is too short',
    'a int[]',
    rows('0001', '0000001a000000010000000000000017000000010000000100000002', '0001'),
  ],
  ['too long for its type', 'a varchar(2)', rows('0001', '00000003616263')],
  ['a domain that refuses', 'a positive', rows('0001', '00000004ffffffff')],
  ['a domain that takes no NULL', 'a given', rows('0001', 'ffffffff')],
  ['a type without a binary form', 'a txid_snapshot, b aclitem', rows('0002', 'ffffffff', 'ffffffff')],
  ['a bad value in the row 1,500', 'a int', rows('00010000000400000001'.repeat(1499), '000100000003000001')],
]

describe.each([15, 18] as const)('Binary files on a standby of PostgreSQL %i', version => {
  let primary: OwnServer
  let stack: CopyStack
  let standby: OwnServer
  let proxy: RunningProxy
  let session: pg.Client
  let args: string
  beforeAll(async () => {
    primary = await startOwnServer(version)
    stack = await startCopyStack(primary, { workers: 1 })
    await stack.client.query(`
      CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
      CREATE DOMAIN given AS text NOT NULL; CREATE DOMAIN price AS numeric(5,2); CREATE DOMAIN positives AS positive[];
      CREATE TABLE pair (x int, y text[]); CREATE TYPE loose AS (x int);
      CREATE TYPE floats AS RANGE (subtype = float8);
      CREATE TABLE t AS SELECT g AS a, CASE WHEN g % 7 > 0 THEN repeat(E'\\\\ä\\t\\r\\n', g % 5) END AS b, g::numeric / 7 AS c,
        ARRAY[[g, NULL]] AS d, ROW(g, ARRAY['a"b', NULL])::pair AS e, '{ok}'::mood[] AS f, floats(g, g + 0.5) AS g,
        now() + g * '1 h'::interval AS h, '1 day -3 s'::interval * g AS i, convert_to('ä' || g, 'UTF8') AS j, true AS k,
        jsonb_build_object('a', g) AS l, g::positive AS m, (g / 100.0)::price AS n, 'x'::char(5) AS o, 'NaN'::float8 AS p,
        '[0:1]={1,2}'::int[] AS q, NULL::pair AS r, ROW(NULL, NULL)::pair AS s
      FROM generate_series(1, 500) AS g`)
    await stack.client.query(`CREATE TABLE wide (${Array.from({ length: 1600 }, (_, i) => `c${i} int`).join()})`)
    standby = await startStandby(primary, stack.proxy)
    proxy = await startProxy({ ...testConfig(standby), maxRowBytes: MAX_ROW_BYTES }, createLogger('silent'))
    const { host, port } = proxy.address
    session = new pg.Client({ host, port, user: 'postgres', database: stack.database.name })
    await session.connect()
    args = `'${account.name}', '${stack.container.containerName}'`
  }, 120_000)
  afterAll(async () => {
    await session.end()
    await proxy.close(0)
    await standby.stop()
    await stack.close()
    await primary.stop()
  })

  const get = (columns: string): string =>
    `SELECT * FROM azure_storage.blob_get(${args}, 'b.bin', 'binary') AS t (${columns})`

  test.each(['UTF8', 'LATIN1'])('hold the values that they have on the primary, in %s', async encoding => {
    await session.query(
      `SET client_encoding = '${encoding}'; COPY t TO '${stack.blobUrl('b.bin')}' WITH (FORMAT binary)`,
    )
    await session.query('RESET client_encoding')
    const { rows: expected } = await session.query('SELECT t::text AS line FROM t')
    const { rows } = await session.query(
      `SELECT row_::text AS line FROM azure_storage.blob_get(${args}, 'b.bin', NULL::t, 'binary', 'none',
        azure_storage.options_binary('${encoding}')) AS row_`,
    )
    expect(rows).toEqual(expected)
  })

  const told = ({ code, message, detail, where }: pg.DatabaseError) => ({ code, message, detail, where })

  test.each(BAD)('%s: the error of the primary', async (_, columns, file) => {
    await stack.put('b.bin', file)
    const [here, there] = [await errorOf(session.query(get(columns))), await errorOf(stack.client.query(get(columns)))]
    expect(told(here)).toEqual(told(there))
    if (here.where) expect(here.where).toContain(`blob ${stack.container.containerName}/b.bin, line `)
  })

  test('rows of many columns, and large ones', async () => {
    const fields = Array.from({ length: 1600 }, (_, i) => `00000004${i.toString(16).padStart(8, '0')}`)
    await stack.put('b.bin', rows(...Array(3).fill(`0640${fields.join('')}`)))
    const wide = `SELECT row_to_json(w)->>'c1599' AS last FROM azure_storage.blob_get(${args}, 'b.bin', NULL::wide, 'binary') AS w`
    expect((await session.query(wide)).rows).toEqual(Array(3).fill({ last: '1599' }))
    const large = (bytes: number) => rows('0001', bytes.toString(16).padStart(8, '0'), '78'.repeat(bytes))
    await stack.put('b.bin', large(400_000))
    expect((await session.query(get('a text'))).rows).toEqual([{ a: 'x'.repeat(400_000) }])
    await stack.put('b.bin', large(600_000))
    expect(await errorOf(session.query(get('a text')))).toMatchObject({
      code: '54000',
      message: 'azure_storage: a row is larger than 1 MB',
    })
  })

  test('are read as no type that could run code as the proxy, or could be made to', async () => {
    await stack.put('b.bin', rows('0001', 'ffffffff'))
    for (const type of ['positive[]', 'positives'])
      expect(await errorOf(session.query(get(`a ${type}`)))).toMatchObject({
        code: '0A000',
        message: 'azure_storage: binary files cannot be read as a type that public.positive is a part of',
      })
    expect(await errorOf(session.query(get('a loose[]')))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: binary files cannot be read on a standby as a type that public.loose is a part of',
    })
  })
})
