import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY FROM of JSON Lines, on PostgreSQL $version', server => {
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
  const rowsOf = async (lines: string | Buffer, copy = 't', options = '(FORMAT jsonl)') => {
    const url = await stack.put('in', lines)
    const text = `COPY ${copy} FROM '${url}' ${options}`
    const results: unknown[] = []
    for (const statement of [text, `DO $do$ BEGIN ${text}; END $do$`]) {
      await stack.client.query(`TRUNCATE t; ${statement}`)
      results.push((await stack.client.query('SELECT t::text FROM t')).rows.map(row => row.t))
    }
    expect(results[1]).toEqual(results[0])
    return results[0]
  }

  it('members go into the columns of their names, as they are', async () => {
    const lines = [
      '{"n": 1.50, "id": 9007199254740993, "Name": "a"}',
      ' { "Name" : "tab\\t \\"q\\" \\\\ \\u00e9\\ud83d\\ude00/\\n" , "name": "other", "ID": 1 } ',
      '{"Name": "first", "Name": "last", "n": 1, "n": null, "id": 1e2}',
      '{}',
      '{"Name": {"a": [1, "x\\ty"]}, "j": "text", "d": "text", "id": "7"}\r',
      '{"Name": true, "j": [1,  2], "d": {"b": 1, "a": null}, "j": {"x":  1.0}}',
    ]
    lines[2] = lines[2]?.replace('1e2', '100') as string
    expect(await rowsOf(lines.join('\n'))).toEqual([
      '(9007199254740993,a,1.50,,,,,)',
      '(,"tab\t ""q"" \\\\ é😀/\n",,,,,,)',
      '(100,last,,,,,,)',
      '(,,,,,,,)',
      '(7,"{""a"": [1, ""x\\\\ty""]}",,"""text""","""text""",,,)',
      '(,true,,"{""x"":  1.0}","{""a"": null, ""b"": 1}",,,)',
    ])
  })

  it('arrays go into arrays', async () => {
    const lines = [
      '{"ints": [1, null, 3], "docs": [{"a": "q\\"\\\\"}, "s", 1, null]}',
      '{"ints": [[1, 2], [3, 4]], "docs": []}',
      '{"ints": "{5,6}", "docs": null}',
    ]
    expect(await rowsOf(lines.join('\n'), 't (ints, docs)')).toEqual([
      '(,,,,,"{1,NULL,3}","{""{\\\\""a\\\\"": \\\\""q\\\\\\\\\\\\""\\\\\\\\\\\\\\\\\\\\""}"",""\\\\""s\\\\"""",1,NULL}",made)',
      '(,,,,,"{{1,2},{3,4}}",{},made)',
      '(,,,,,"{5,6}",,made)',
    ])
  })
})
