import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { jsonLine } from '../support/json-lines.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY of JSON Lines, with extras on, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE DOMAIN doc AS jsonb;
      CREATE TABLE t (id bigint, "Name" text, n numeric, j json, d doc, ints int[], docs jsonb[], made text DEFAULT 'made');
      SET blobgres.extras = on`)
  })
  afterAll(() => stack.close())

  /** The rows that both ways give. */
  const rowsOf = async (lines: string | Buffer, copy = 't', options = '(FORMAT jsonl)', name = 'in') => {
    const text = `COPY ${copy} FROM '${await stack.put(name, lines)}' ${options}`
    const results: unknown[] = []
    for (const statement of [text, inside(text)]) {
      await stack.client.query(`TRUNCATE t; ${statement}`)
      results.push((await stack.client.query('SELECT t::text FROM t')).rows.map(row => row.t))
    }
    expect(results[1]).toEqual(results[0])
    return results[0]
  }

  it('members go into the columns of their names, as they are written', async () => {
    const lines = [
      '{"n": 1.50, "id": 9007199254740993, "Name": "a"}',
      ' { "Name" : "tab\\t \\"q\\" \\\\ \\u00e9\\ud83d\\ude00/\\n" , "name": "other", "ID": 1 } ',
      '{"Name": "first", "Name": "last", "n": 1, "n": null, "id": 100}',
      '{}',
      '{"Name": {"a": [1, "x\\ty"]}, "j": "text", "d": "text", "id": "7"}\r',
      '{"Name": true, "j": [1,  2], "d": {"b": 1, "a": null}, "j": {"x":  1.0}, "other": [{}, "]"]}',
    ]
    expect(await rowsOf(lines.join('\n'))).toEqual([
      '(9007199254740993,a,1.50,,,,,)',
      '(,"tab\t ""q"" \\\\ é😀/\n",,,,,,)',
      '(100,last,,,,,,)',
      '(,,,,,,,)',
      '(7,"{""a"": [1, ""x\\\\ty""]}",,"""text""","""text""",,,)',
      '(,true,,"{""x"":  1.0}","{""a"": null, ""b"": 1}",,,)',
    ])
  })

  it('arrays go into arrays; a column that is not listed has its default', async () => {
    const lines = [
      '{"ints": [1, null, 3], "docs": [{"a": "q\\"\\\\"}, "s", 1, null], "made": "up"}',
      '{"ints": [[1, 2], [3, 4]], "docs": []}',
      '{"ints": "{5,6}", "docs": null}',
    ]
    expect(await rowsOf(lines.join('\n'), 't (ints, docs)')).toEqual([
      '(,,,,,"{1,NULL,3}","{""{\\\\""a\\\\"": \\\\""q\\\\\\\\\\\\""\\\\\\\\\\\\\\\\\\\\""}"",""\\\\""s\\\\"""",1,NULL}",made)',
      '(,,,,,"{{1,2},{3,4}}",{},made)',
      '(,,,,,"{5,6}",,made)',
    ])
  })

  it('names, compression, WHERE, blank lines at the end', async () => {
    const lines = '{"id": 1}\n{"id": 2}\n \n\n'
    expect(await rowsOf(lines, 't (id)', '', 'a.jsonl')).toEqual(['(1,,,,,,,made)', '(2,,,,,,,made)'])
    expect(await rowsOf(gzipSync(lines), 't (id)', 'WHERE id > 1', 'a.ndjson.gz')).toEqual(['(2,,,,,,,made)'])
    expect(await rowsOf('', 't', '(FORMAT jsonl, COMPRESSION none)', 'a.gz')).toEqual([])
  })

  it('is UTF-8 whatever the client speaks', async () => {
    const url = await stack.put('utf8.jsonl', '{"Name": "é", "é": 1}')
    const text = `COPY t FROM '${url}'`
    await stack.client.query(
      `TRUNCATE t; SET client_encoding = 'LATIN1'; ${text}; ${inside(text)}; RESET client_encoding`,
    )
    const { rows } = await stack.client.query('SELECT "Name" FROM t')
    expect(rows).toEqual([{ Name: 'é' }, { Name: 'é' }])
  })

  it('the same as json_populate_record(), of lines made at random', async () => {
    const random = new Random(20)
    const lines = Array.from({ length: 400 }, () => jsonLine(random))
    await stack.client.query(
      'DROP TABLE IF EXISTS made; CREATE TABLE made (a text, "b c" text, j json, é text, ts text[])',
    )
    await stack.client.query(`COPY made FROM '${await stack.put('made.jsonl', lines.join('\n'))}'`)
    const { rows } = await stack.client.query('SELECT (a, "b c", j::jsonb, é, ts)::text AS row FROM made')
    const expected = await stack.client.query(
      'SELECT (a, "b c", j::jsonb, é, ts)::text AS row FROM unnest($1::json[]) AS line, json_populate_record(NULL::made, line)',
      [lines],
    )
    expect(rows).toEqual(expected.rows)
  })

  it.each([
    ['{"id": 1}\n{"id": 2', '22P02', 'The line ended unexpectedly.', 2],
    ['{"id": 1}\n\n{"id": 2}', '22P02', 'The line ended unexpectedly.', 2],
    ['{"id": 1}\n[2]', '22P02', 'Expected "{", but found "[".', 2],
    ['{"id": 01}', '22P02', 'Expected "," or "}", but found "1".', 1],
    ['{"Name": "\\ud83d"}', '22P02', expect.stringContaining('surrogate'), 1],
    ['{"Name": "\\u0000"}', '22P05', '\\u0000 cannot be converted to text.', 1],
    ['{"Name": "a\tb"}', '22P02', 'Character with value 0x09 must be escaped.', 1],
    [`{"x": ${'['.repeat(20_000)}`, '54001', 'It is nested too deep.', 1],
  ])('%.40s is no line', async (lines, code, detail, line) => {
    const text = `COPY t FROM '${await stack.put('bad', lines)}' (FORMAT jsonl)`
    for (const statement of [text, inside(text)]) {
      const error = await errorOf(stack.client.query(statement))
      expect(error).toMatchObject({ code, detail, message: 'invalid input syntax for type json' })
      expect(error.where).toMatch(new RegExp(`^COPY t, line ${line}\\b`))
    }
  })

  it("what is no value of a column's is told in COPY's words, before a bad line behind it", async () => {
    const url = await stack.put('bad', '{"id": 1}\n{"Name": 1, "id": "x"}\n{')
    expect(await errorOf(stack.client.query(`COPY t FROM '${url}' (FORMAT jsonl)`))).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type bigint: "x"',
      where: 'COPY t, line 2, column id: "x"',
    })
  })

  it('rows become lines as row_to_json() writes them, of tables, views and queries', async () => {
    await stack.client.query(`
      DROP TABLE IF EXISTS source CASCADE;
      CREATE TABLE source (id int, s text, j json, ids int[], day date, g int GENERATED ALWAYS AS (id * 2) STORED);
      INSERT INTO source VALUES (1, E'a"b\\\\c\\n\\t', E'{"x":\\n\\t1}', '{1,2}', '2024-02-29'), (2, NULL, NULL, NULL, NULL);
      CREATE TABLE heir () INHERITS (source); INSERT INTO heir VALUES (9);
      CREATE VIEW viewed AS SELECT id, s FROM source WHERE id = 1;
      CREATE TABLE parted (a int, g int GENERATED ALWAYS AS (a) STORED) PARTITION BY LIST (a);
      CREATE TABLE part1 PARTITION OF parted DEFAULT; INSERT INTO parted VALUES (5);
      SET DateStyle = 'German'`)
    const first = '{"id":1,"s":"a\\"b\\\\c\\n\\t","j":{"x": \t1},"ids":[1,2],"day":"2024-02-29"}'
    const second = '{"id":2,"s":null,"j":null,"ids":null,"day":null}'
    for (const [copy, lines] of [
      ['source', [first, second]],
      ['source (s, id)', ['{"s":"a\\"b\\\\c\\n\\t","id":1}', '{"s":null,"id":2}']],
      ['viewed', ['{"id":1,"s":"a\\"b\\\\c\\n\\t"}']],
      ['parted', ['{"a":5}']],
      [
        '(SELECT id, id AS "I""d" FROM source ORDER BY id DESC -- x\n)',
        ['{"id":9,"I\\"d":9}', '{"id":2,"I\\"d":2}', '{"id":1,"I\\"d":1}'],
      ],
      ['(SELECT 1 WHERE false)', []],
    ] as const) {
      for (const way of [(text: string) => text, inside]) {
        await stack.client.query(way(`COPY ${copy} TO '${stack.blobUrl('out.jsonl')}'`))
        expect(await stack.get('out.jsonl')).toBe(lines.map(line => `${line}\n`).join(''))
      }
    }
    await stack.client.query(`COPY source TO '${stack.blobUrl('out.jsonl.gz')}'; CREATE TABLE back (LIKE source)`)
    await stack.client.query(`COPY back FROM '${stack.blobUrl('out.jsonl.gz')}'; RESET DateStyle`)
    const { rows } = await stack.client.query('SELECT id, s, ids FROM ONLY source EXCEPT SELECT id, s, ids FROM back')
    expect(rows).toEqual([])
  })

  it('of several files, where a line is told in its own', async () => {
    await stack.put('many/1.jsonl', '{"id": 1}\n\n')
    await stack.put('many/2.jsonl.gz', gzipSync('{"id": 2}\n{"id": 3}'))
    const text = `COPY t (id) FROM '${stack.blobUrl('many/*')}' (FORMAT jsonl)`
    await stack.client.query(`TRUNCATE t; ${text}`)
    await stack.client.query(inside(text))
    const { rows } = await stack.client.query('SELECT string_agg(id::text, $1) AS ids FROM t', [','])
    expect(rows).toEqual([{ ids: '1,2,3,1,2,3' }])
    await stack.put('many/2.jsonl.gz', gzipSync('{"id": 2}\n{"id": 3'))
    for (const statement of [text, inside(text)]) {
      const error = await errorOf(stack.client.query(statement))
      expect(error).toMatchObject({ code: '22P02', detail: 'The line ended unexpectedly.' })
      expect(error.where).toContain('many/2.jsonl.gz, line 2')
    }
  })

  it('options that say how csv is written are refused', async () => {
    for (const options of ['HEADER', "DELIMITER ','", "NULL 'x'", "ENCODING 'UTF8'", 'COMPRESSION zstd']) {
      const text = `COPY t FROM '${stack.blobUrl('a.jsonl')}' (${options})`
      for (const statement of [text, inside(text)]) {
        const error = await errorOf(stack.client.query(statement))
        expect(error.message).toMatch(
          /^azure_storage: (COPY [A-Z]+ cannot be used with jsonl|compression .* only .* parquet)$/,
        )
      }
    }
  })

  it('is unknown where extras are off, and to the functions', async () => {
    const session = await stack.connect()
    const unknown = { code: '22023', message: 'azure_storage: invalid decoder: jsonl' }
    for (const [copy, refusal] of [
      [`COPY t FROM '${stack.blobUrl('a')}' (FORMAT jsonl)`, unknown],
      [`COPY t FROM '${stack.blobUrl('a')}' (FORMAT jsonl, HEADER)`, unknown],
      [`COPY t TO '${stack.blobUrl('a')}' (FORMAT jsonl)`, unknown],
      [
        `COPY t FROM '${stack.blobUrl('a.ndjson.gz')}'`,
        { code: '22023', message: expect.stringContaining("extension: 'gz'") },
      ],
    ] as const) {
      expect(await errorOf(session.query(copy))).toMatchObject(refusal)
      expect(await errorOf(session.query(inside(copy)))).toMatchObject(refusal)
    }
    const args = `'${account.name}', '${stack.container.containerName}'`
    const get = `SELECT * FROM azure_storage.blob_get(${args}, 'a.csv', 'jsonl') AS t (a int)`
    expect(await errorOf(stack.client.query(get))).toMatchObject(unknown)
    const put = `SELECT azure_storage.blob_put(${args}, 'a.csv', t, 'jsonl') FROM (SELECT 1) AS t (a)`
    expect(await errorOf(stack.client.query(put))).toMatchObject(unknown)
  })
})
