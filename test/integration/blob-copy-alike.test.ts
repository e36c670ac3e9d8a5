import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

const COLUMNS = {
  i2: 'smallint',
  i8: 'bigint',
  n: 'numeric',
  n2: 'numeric(12,2)',
  f4: 'real',
  f8: 'double precision',
  b: 'boolean',
  t: 'text',
  v: 'varchar(20)',
  c: 'char(4)',
  q: '"char"',
  nm: 'name',
  by: 'bytea',
  d: 'date',
  tm: 'time(3)',
  ts: 'timestamp(2)',
  tz: 'timestamptz',
  iv: 'interval',
  u: 'uuid',
  j: 'json',
  jb: 'jsonb',
  x: 'inet',
  bi: 'bit(3)',
  vb: 'varbit',
  ia: 'int[]',
  ta: 'text[][]',
  r: 'int4range',
  p: 'point',
  e: 'mood',
  dm: 'positive',
  co: 'pair',
  tv: 'tsvector',
  rc: 'regclass',
  m: 'money',
}

const ROWS = [
  `1, 9007199254740993, 1e30, 1.005, 0.1, 1e-300, true, 'a,"b"', 'x', 'ab', 'q', 'name', decode('00ff5c', 'hex'),
   '2024-02-29', '12:34:56.789', '2024-01-01 00:00:00.125', '2024-01-01 00:00:00+05', '1 day -2 hours', '00000000-0000-0000-0000-000000000001',
   '{"a": [1, "x"] }', '{"b": "ü, \\"q\\""}', '::1', B'101', B'1', '{1,NULL,3}', '{{"a b",","},{"\\"",""}}', '[1,5)', '(1,2)', 'ok', 5,
   ROW('x,"y"', 2), 'a:1 b:2', 'pg_class', 12.34`,
  `-1, -1, 'NaN', -0.5, 'Infinity', '-Infinity', false, E'tab\\tnew\\nline\\\\ \\r', '', '', '', '', '',
   '-infinity', '00:00', 'infinity', '1900-01-01 00:00:00Z', '0', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
   'null', '"s"', '10.0.0.0/8', B'000', B'', '{}', '{}', 'empty', '(-1.5,1e10)', 'sad', 1, ROW(NULL, NULL), '', 0, -0.01`,
  Object.keys(COLUMNS)
    .map(() => 'NULL')
    .join(),
]

describe.each(servers)('blob_put is COPY TO, blob_get is COPY FROM, on PostgreSQL $version', server => {
  let stack: CopyStack
  let args: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    args = `'${account.name}', '${stack.container.containerName}'`
    const columns = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`)
    await stack.client.query(`
      CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
      CREATE TYPE pair AS (a text, b int); CREATE TABLE every (${columns.join()});
      INSERT INTO every VALUES (${ROWS.join('), (')})`)
  })
  afterAll(() => stack.close())

  const formats = [
    ['csv', 'FORMAT csv', '{}'],
    [
      'csv',
      `FORMAT csv, HEADER, DELIMITER ';', NULL '\\N', QUOTE '''', ESCAPE '!'`,
      `{"header": true, "delimiter": ";", "null_string": "\\\\N", "quote": "'", "escape": "!"}`,
    ],
    ['csv', 'FORMAT csv, FORCE_QUOTE (t, i2)', '{"force_quote": ["t", "i2"]}'],
    ['tsv', 'FORMAT tsv', '{}'],
    ['tsv', `FORMAT tsv, DELIMITER '|', NULL 'null!'`, '{"delimiter": "|", "null_string": "null!"}'],
    ['binary', 'FORMAT binary', '{}'],
  ] as const

  test.each(formats)('%s (%s)', async (coder, copyOptions, options) => {
    const json = `'${options.replaceAll("'", "''")}'::jsonb`
    await stack.client.query(`COPY every TO '${stack.blobUrl('copied')}' WITH (${copyOptions})`)
    await stack.client.query(
      `SELECT azure_storage.blob_put(${args}, 'put', every, '${coder}', 'none', ${json}) FROM every`,
    )
    const [copied, put] = await Promise.all([stack.getBytes('copied'), stack.getBytes('put')])
    expect(put.equals(copied), `${put}\n${copied}`).toBe(true)

    const readOptions = json.replace(/"force_quote": \[.*\]/, '')
    const definitions = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`)
    const got = (rec: string, as: string) =>
      `SELECT g::text FROM azure_storage.blob_get(${args}, 'copied', ${rec}decoder => '${coder}', compression => 'none', options => ${readOptions}) AS g ${as}`
    const expected = (await stack.client.query('SELECT every::text AS g FROM every')).rows
    expect((await stack.client.query(got('', `(${definitions.join()})`))).rows).toEqual(expected)
    expect((await stack.client.query(got('rec => NULL::every, ', ''))).rows).toEqual(expected)
  })

  test.each(['text', 'json', 'xml'])('%s: a file is a value', async coder => {
    const value = '{"a": "ü\\n\\\\"}'
    await stack.client.query(
      `SELECT azure_storage.blob_put(${args}, 'value', q, '${coder}') FROM (SELECT $1::text) q`,
      [value],
    )
    expect(await stack.get('value')).toBe(value)
    const { rows } = await stack.client.query(
      `SELECT * FROM azure_storage.blob_get(${args}, 'value', NULL::jsonb, '${coder}') AS value`,
    )
    expect(rows).toEqual([{ value: JSON.parse(value) }])
  })

  test('random text files are read, or refused, as COPY does', async () => {
    const random = new Random(7)
    const pieces = ['a', '1', ',', ',', '"', '""', '\n', '\r\n', '\\', '\\N', '\\.', ' ', 'ü', "'", '\t']
    await stack.client.query('CREATE TABLE loose (a text, b text)')
    for (let i = 0; i < 60; i++) {
      const contents = random.times(25, () => random.pick(pieces)).join('')
      const coder = i % 2 === 0 ? 'csv' : 'tsv'
      const url = await stack.put(`random.${coder}`, contents)
      await stack.client.query('BEGIN; SAVEPOINT s')
      const copied = await outcome(async () => {
        await stack.client.query(`COPY loose FROM '${url}'`)
        return (await stack.client.query('SELECT * FROM loose')).rows
      })
      await stack.client.query('ROLLBACK TO s')
      const sql = `SELECT * FROM azure_storage.blob_get(${args}, 'random.${coder}') AS t (a text, b text)`
      const got = await outcome(async () => (await stack.client.query(sql)).rows)
      await stack.client.query('ROLLBACK')
      expect(got, JSON.stringify(contents)).toEqual(copied)
    }
  })
})

async function outcome(run: () => Promise<unknown[]>): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    return { code: (error as { code?: string }).code }
  }
}
