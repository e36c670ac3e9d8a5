import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containerSas } from '../support/blobs.ts'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const TABLES = `
CREATE DOMAIN small AS int CHECK (value < 3); CREATE DOMAIN there AS text NOT NULL; CREATE DOMAIN doc AS jsonb;
CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE TYPE pair AS (n int, s text);
CREATE TABLE t (a int, b text, made text DEFAULT 'made');
CREATE TABLE many (a smallint, b varchar(3), c numeric(4, 2), d date, e int[], f mood, g pair, h json, i doc, j small, k there, l tstzrange, m char(2), n regtype, o int4 GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE keyed (a int PRIMARY KEY CHECK (a < 10));`

/**
 * Values that are refused one by one, and what is not: on the newest PostgreSQL its own COPY is what answers at top level.
 */
const GOOD = [
  '1',
  'abc',
  '12.345',
  '2024-02-29',
  '{1,2}',
  'ok',
  '(1,x)',
  '{"a": 1}',
  '[1]',
  '2',
  'k',
  '[,)',
  'xy',
  'int4',
]
const BAD = ['99999', 'abcd', '123.4', '2023-02-29', '{1,x}', 'Ok', '(1)', '{', '[', '3', null, '[', 'xyz', 'nope']

const IGNORE = 'ON_ERROR ignore'

const csv = (values: readonly (string | null)[]) =>
  `${values.map(value => (value === null ? '' : `"${value.replaceAll('"', '""')}"`)).join(',')}\n`

describe.each(servers)('COPY FROM with ON_ERROR ignore, with extras on, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`${TABLES} SET blobgres.extras = on`)
  })
  afterAll(() => stack.close())

  /** At top level and inside: the rows, the count, the notices; or the error. */
  const outcome = async (table: string, contents: string, options: string, rest = '', name = 'in.csv') => {
    const text = `COPY ${table} FROM '${await stack.put(name, contents)}' (${options}) ${rest}`
    const outcomes: unknown[] = []
    for (const statement of [text, inside(text)]) {
      await stack.client.query(`TRUNCATE ${table.split(' ')[0]}`)
      stack.notices.length = 0
      try {
        const { command, rowCount } = await stack.client.query(statement)
        const { rows } = await stack.client.query(`SELECT r::text AS r FROM ${table.split(' ')[0]} AS r`)
        if (statement === text) expect([command, rowCount]).toEqual(['COPY', rows.length])
        outcomes.push({ rows: rows.map(({ r }) => r), notices: [...stack.notices] })
      } catch (error) {
        const { code, message } = error as { code: string; message: string }
        outcomes.push({ code, message })
      }
    }
    expect(outcomes[1]).toEqual(outcomes[0])
    return outcomes[0]
  }
  const skipped = (n: number) => `${n} ${n === 1 ? 'row was' : 'rows were'} skipped due to data type incompatibility`

  it('keeps the rows of which all values are taken', async () => {
    const kept = ['(1,one,made)', '(3,"",made)']
    const contents = 'a,b\n1,one\nx,two\n3,""\n4294967296,four\n'
    const options = 'HEADER, ON_ERROR ignore'
    expect(await outcome('t (a, b)', contents, options)).toEqual({ rows: kept, notices: [skipped(2)] })
    expect(await outcome('t (a, b)', contents, `${options}, REJECT_LIMIT 2`)).toEqual({
      rows: kept,
      notices: [skipped(2)],
    })
    expect(await outcome('t (b, a)', 'one,1\ntwo,x\n', 'ON_ERROR ignore', "WHERE b <> 'zero'")).toEqual({
      rows: ['(1,one,made)'],
      notices: [skipped(1)],
    })
    expect(await outcome('t (a, b)', '1,one\n', 'ON_ERROR ignore')).toEqual({ rows: ['(1,one,made)'], notices: [] })
    expect(await outcome('t', '', 'ON_ERROR ignore')).toEqual({ rows: [], notices: [] })
    expect(await outcome('t (a)', 'x\n', "ON_ERROR 'IGNORE'")).toEqual({ rows: [], notices: [skipped(1)] })
  })

  it('of types of every kind, as their input functions take them with their modifiers', async () => {
    const contents = csv(GOOD) + BAD.map((value, i) => csv(GOOD.with(i, value as string))).join('')
    const result = await outcome('many', contents, 'ON_ERROR ignore')
    expect(result).toEqual({
      rows: ['(1,abc,12.35,2024-02-29,"{1,2}",ok,"(1,x)","{""a"": 1}",[1],2,k,"(,)",xy,integer,2)'],
      notices: [skipped(BAD.length)],
    })
  })

  it('of many rows, of which some', async () => {
    const contents = Array.from({ length: 3000 }, (_, i) => (i % 7 === 3 ? `x${i}\n` : `${i}\n`)).join('')
    const expected = Array.from({ length: 3000 }, (_, i) => i).filter(i => i % 7 !== 3)
    expect(await outcome('t (a)', contents, 'ON_ERROR ignore')).toEqual({
      rows: expected.map(i => `(${i},,made)`),
      notices: [skipped(3000 - expected.length)],
    })
  })

  it('tells each where it is asked to, or none', async () => {
    const contents = 'a,b\n1,"o\nne"\nx,two\n2,ok\n,"y\n"\nyyy,"z\n"\n'
    const options = 'HEADER, ON_ERROR ignore, LOG_VERBOSITY'
    const rows = ['(1,"o\nne",made)', '(2,ok,made)', '(,"y\n",made)']
    expect(await outcome('t (a, b)', contents, `${options} verbose`)).toEqual({
      rows,
      notices: [
        'skipping row due to data type incompatibility at line 4 for column "a": "x"',
        'skipping row due to data type incompatibility at line 9 for column "a": "yyy"',
        skipped(2),
      ],
    })
    if (server.version >= 18 || server.version < 17)
      expect(await outcome('t (a, b)', contents, `${options} silent`)).toEqual({ rows, notices: [] })
    const nulls = await outcome('many (a, k)', '1,\nz,k\n', 'ON_ERROR ignore, LOG_VERBOSITY verbose')
    expect(nulls).toEqual({
      rows: [],
      notices: [
        'skipping row due to data type incompatibility at line 1 for column "k": null input',
        'skipping row due to data type incompatibility at line 2 for column "a": "z"',
        skipped(2),
      ],
    })
  })

  it.each([
    [
      't (a, b)',
      '1,one\nx,two\ny,three\n',
      'ON_ERROR ignore, REJECT_LIMIT 1',
      '22P02',
      'skipped more than REJECT_LIMIT (1) rows due to data type incompatibility',
    ],
    ['t (a, b)', '1,one\n2\n', IGNORE, '22P04', 'missing data for column "b"'],
    ['t (a, b)', '1,one,two\n', IGNORE, '22P04', 'extra data after last expected column'],
    ['keyed', '1\nx\n1\n', IGNORE, '23505', 'duplicate key value violates unique constraint "keyed_pkey"'],
    ['keyed', '11\n', IGNORE, '23514', 'new row for relation "keyed" violates check constraint "keyed_a_check"'],
    ['t (a)', 'x\n', 'ON_ERROR stop', '22P02', 'invalid input syntax for type integer: "x"'],
    ['t (a)', '1\n', 'ON_ERROR nothing', '22023', 'COPY ON_ERROR "nothing" not recognized'],
    ['t (a)', '1\n', 'ON_ERROR', '42601', 'on_error requires a parameter'],
    ['t (a)', '1\n', 'REJECT_LIMIT 1', '22023', 'COPY REJECT_LIMIT requires ON_ERROR to be set to IGNORE'],
    ['t (a)', '1\n', 'ON_ERROR ignore, REJECT_LIMIT 0', '22023', 'REJECT_LIMIT (0) must be greater than zero'],
    ['t (a)', '1\n', 'ON_ERROR ignore, REJECT_LIMIT', '42601', 'reject_limit requires a numeric value'],
    ['t (a)', '1\n', 'ON_ERROR ignore, REJECT_LIMIT x', '22P02', 'invalid input syntax for type bigint: "x"'],
    ['t (a)', '1\n', 'LOG_VERBOSITY loud', '22023', 'COPY LOG_VERBOSITY "loud" not recognized'],
    ['t (a)', '1\n', 'ON_ERROR ignore, FORMAT binary', '42601', 'only ON_ERROR STOP is allowed in BINARY mode'],
    ['t (a)', '1\n', 'ON_ERROR ignore, ON_ERROR ignore', '42601', 'conflicting or redundant options'],
  ])('%s %j (%s) fails', async (table, contents, options, code, message) => {
    expect(await outcome(table, contents, options)).toEqual({ code, message })
  })

  it('as a prepared statement, in a transaction, and beside other statements', async () => {
    const url = await stack.put('in.csv', '1,one\nx,two\n')
    const text = `COPY t (a, b) FROM '${url}' (ON_ERROR ignore, REJECT_LIMIT 1)`
    const prepared = { name: 'skip', text }
    await stack.client.query('TRUNCATE t; BEGIN')
    for (let i = 0; i < 2; i++) {
      expect(await stack.client.query(prepared)).toMatchObject({ command: 'COPY', rowCount: 1, fields: [] })
    }
    await stack.client.query('ROLLBACK')
    const results = (await stack.client.query(`SELECT 1; ${text}; SELECT count(*)::int AS n FROM t`)) as unknown as {
      command: string
      rows: unknown[]
    }[]
    expect(results.map(({ command }) => command)).toEqual(['SELECT', 'COPY', 'SELECT'])
    expect(results[2]?.rows).toEqual([{ n: 1 }])
  })

  it('with a shared access signature, which the server does not see', async () => {
    const sas = containerSas(stack.container, 'r')
    const session = await stack.connect(await stack.createRole('anybody'))
    await stack.client.query('GRANT ALL ON t TO public; TRUNCATE t')
    await session.query('SET blobgres.extras = on')
    const url = await stack.put('in.csv', '1,one\nx,two\n')
    const options = '(ON_ERROR ignore, REJECT_LIMIT 1)'
    expect((await session.query(`COPY t (a, b) FROM '${url}?${sas}' ${options}`)).rowCount).toBe(1)
    const seen = await stack.client.query("SELECT query FROM pg_stat_activity WHERE query LIKE '%in.csv%'")
    expect(JSON.stringify(seen.rows)).not.toContain('sig=')
    expect(await errorOf(session.query(`COPY t (a, b) FROM '${url}' ${options}`))).toMatchObject({ code: '42501' })
  })

  it("operators and functions of the caller's catch nothing", async () => {
    const hostile = await stack.connect()
    const url = await stack.put('in.csv', '1,one\nx,two\n')
    await hostile.query(`
      SET blobgres.extras = on;
      CREATE SCHEMA hostile;
      CREATE FUNCTION hostile.caught(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught'; END $$;
      CREATE OPERATOR hostile.= (FUNCTION = hostile.caught, LEFTARG = text, RIGHTARG = text);
      CREATE FUNCTION hostile.cardinality(jsonb[]) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught'; END $$;
      SET search_path = hostile, public, pg_catalog`)
    const text = `COPY t (a, b) FROM '${url}' (ON_ERROR ignore, REJECT_LIMIT 1, LOG_VERBOSITY verbose)`
    for (const statement of [text, inside(text)]) await hostile.query(statement)
    await hostile.query('DROP SCHEMA hostile CASCADE')
  })

  it('is what it was before where extras are off', async () => {
    const session = await stack.connect()
    const url = await stack.put('in.csv', '1,one\nx,two\n')
    const copy = (option: string) => `COPY t (a, b) FROM '${url}' (${option})`
    const options = [IGNORE, 'REJECT_LIMIT 1', 'LOG_VERBOSITY verbose']
    if (server.version >= 18) {
      for (const statement of [copy(options.join()), inside(copy(options.join()))]) await session.query(statement)
      return
    }
    for (const option of options) {
      const refusal = { code: '42601', message: `option "${option.split(' ')[0]?.toLowerCase()}" not recognized` }
      for (const statement of [copy(option), inside(copy(option))]) {
        expect(await errorOf(session.query(statement))).toMatchObject(refusal)
      }
    }
  })
})
