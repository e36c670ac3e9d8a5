import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyInside, serversAndWays } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'

const REDUNDANT = 'conflicting or redundant options'

describe.each(serversAndWays)('options of COPY with URLs, $way, on PostgreSQL $version', ({ server, way }) => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    if (way === 'in a DO block') copyInside(stack.client)
    await stack.client.query("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x''y'), (2, NULL), (3, '')")
    await stack.client.query("CREATE TABLE target (a int, b text DEFAULT 'given')")
  })
  afterAll(() => stack.close())
  let files = 0
  const exported = async (options: string, ending = 'csv') => {
    const name = `o${files++}.${ending}`
    await stack.client.query(`COPY t TO '${stack.blobUrl(name)}' ${options}`)
    return stack.get(name)
  }
  const imported = async (contents: string | Buffer, options: string, ending = 'csv') => {
    const url = await stack.put(`i${files++}.${ending}`, contents)
    await stack.client.query('TRUNCATE target')
    await stack.client.query(`COPY target FROM '${url}' ${options}`)
    return (await stack.client.query({ text: 'SELECT * FROM target', rowMode: 'array' })).rows
  }
  const failing = async (options: string, direction = 'FROM') => {
    const url = stack.blobUrl('absent.csv')
    const error = await errorOf(stack.client.query(`COPY t ${direction} '${url}' ${options}`))
    const at = error.position && `COPY t ${direction} '${url}' ${options}`.slice(Number(error.position) - 1)
    return { code: error.code, message: error.message, at }
  }

  it.each([
    ["WITH CSV HEADER DELIMITER ','", 'a,b\n1,x\'y\n2,\n3,""\n'],
    ["DELIMITER ';' CSV HEADER QUOTE '''' ESCAPE ''''", "a;b\n1;'x''y'\n2;\n3;''\n"],
    ["USING DELIMITERS '|' WITH NULL AS 'nil' CSV", "1|x'y\n2|nil\n3|\n"],
    ['CSV FORCE QUOTE *', '"1","x\'y"\n"2",\n"3",""\n'],
    ["WITH (FORMAT csv, FORCE_QUOTE (b), HEADERS, QUOTE '~')", "a,b\n1,~x'y~\n2,\n3,~~\n"],
    ["(FORMAT 'csv', HEADERS 'on', FORCE_QUOTE *)", 'a,b\n"1","x\'y"\n"2",\n"3",""\n'],
    ["(HEADERS false, NULL 'N')", "1,x'y\n2,N\n3,\n"],
    ['(FORMAT tsv)', "1\tx'y\n2\t\\N\n3\t\n"],
    ["(FORMAT \"tsv\", DELIMITER ',', NULL '-', HEADER 1)", "a,b\n1,x'y\n2,-\n3,\n"],
    ["(NULL $$n$$, DELIMITER U&'\\003b', HEADER 0)", "1;x'y\n2;n\n3;\n"],
    ["(DELIMITER E'\\t', NULL E'\\\\N')", "1\tx'y\n2\t\\N\n3\t\n"],
    ['(FREEZE off)', '1,x\'y\n2,\n3,""\n'],
  ])('COPY TO … %s', async (options, contents) => {
    expect(await exported(options)).toBe(contents)
  })

  it.each([
    ["DELIMITER ';' CSV HEADER QUOTE '''' ESCAPE ''''", "a;b\n1;'x''y'\n", [[1, "x'y"]]],
    ['CSV FORCE NOT NULL b', '1,\n', [[1, '']]],
    ["(FORCE_NULL (b), NULL '')", '1,""\n', [[1, null]]],
    ['(FORCE_NOT_NULL (a, b))', '1,\n', [[1, '']]],
    [
      "(FORMAT 'tsv')",
      '1\ta\\tb\n2\t\\N\n',
      [
        [1, 'a\tb'],
        [2, null],
      ],
    ],
    ['(HEADERS)', 'who,cares\n1,é\n', [[1, 'é']]],
    ["(HEADER 'true', COMPRESSION 'none', FORMAT auto)", 'x\n1,y\n', [[1, 'y']]],
    ["(DELIMITER '*')", '1*/*\n'.replace('*/*', '*"/*"'), [[1, '/*']]],
  ])('COPY FROM … %s', async (options, contents, rows) => {
    expect(await imported(contents, options)).toEqual(rows)
  })

  it('binary, in three spellings', async () => {
    for (const [before, after] of [
      ['BINARY t', ''],
      ['t', 'WITH BINARY'],
      ['t', "(FORMAT 'binary')"],
    ]) {
      await stack.client.query(`COPY ${before} TO '${stack.blobUrl('t.bin')}' ${after}`)
      expect((await stack.getBytes('t.bin')).subarray(0, 6).toString()).toBe('PGCOPY')
      await stack.client.query('TRUNCATE target')
      await stack.client.query(`COPY ${before?.replace('t', 'target')} FROM '${stack.blobUrl('t.bin')}' ${after}`)
      const { rows } = await stack.client.query('TABLE target EXCEPT ALL TABLE t')
      expect([rows, (await stack.client.query('TABLE target')).rowCount]).toEqual([[], 3])
    }
  })

  it('a file in another encoding than the session', async () => {
    expect(await imported(Buffer.from('1,é\n', 'latin1'), "(ENCODING 'LATIN1')")).toEqual([[1, 'é']])
    expect(await errorOf(imported(Buffer.from('1,é\n', 'latin1'), ''))).toMatchObject({ code: '22021' })
    await stack.client.query("CREATE TABLE sharp AS SELECT 'ß' AS s")
    await stack.client.query(`COPY sharp TO '${stack.blobUrl('sharp.csv')}' WITH (ENCODING 'latin1')`)
    expect(await stack.getBytes('sharp.csv')).toEqual(Buffer.from('ß\n', 'latin1'))
  })

  it('typos are shown where they are', async () => {
    for (const [options, at, message, direction] of [
      ['WITH (FORMAT csv, HEADRE)', 'HEADRE)', 'option "headre" not recognized'],
      ["( HEADERS , nonsense 'x')", "nonsense 'x')", 'option "nonsense" not recognized', 'TO'],
      ['(HEADERS, HEADER)', 'HEADER)', REDUNDANT],
      ["(FORMAT csv, FORMAT 'csv')", "FORMAT 'csv')", REDUNDANT],
      ["(COMPRESSION gzip, COMPRESSION 'gzip')", "COMPRESSION 'gzip')", REDUNDANT],
      ["CSV HEADER DELIMITER ',' DELIMITER ';'", "DELIMITER ';'", REDUNDANT],
    ] as const) {
      // Where in the text it is, the client's own text has to say.
      expect(await failing(options, direction)).toEqual({ code: '42601', message, ...(way === 'by itself' && { at }) })
    }
    expect(await failing("(DELIMITER ',,')")).toEqual({
      code: '0A000',
      message: 'COPY delimiter must be a single one-byte character',
      at: undefined,
    })
    expect(await failing('(HEADER maybe)')).toMatchObject({
      code: '42601',
      message: expect.stringContaining('header requires a Boolean'),
    })
    expect(await failing('(FORCE_QUOTE (a))')).toMatchObject({
      code: expect.anything(),
      message: expect.stringMatching(/force.quote/i),
    })
    expect(await failing("(FORMAT tsv, QUOTE 'x')")).toMatchObject({
      code: expect.anything(),
      message: expect.stringMatching(/quote.*CSV mode/i),
    })
    expect(await failing('(FORCE_NULL (nope))')).toMatchObject({ code: '42703' })
    expect(await failing('(FORMAT)')).toMatchObject({ code: '42601', message: 'format requires a parameter' })
    expect(await failing("(ENCODING 'martian')")).toMatchObject({
      code: '22023',
      message: 'argument to option "encoding" must be a valid encoding name',
    })
  })

  it('an option of a newer PostgreSQL', async () => {
    const url = await stack.put('soft.csv', '1,a\nx,b\n2,c\n')
    const copy = stack.client.query(`TRUNCATE target; COPY target FROM '${url}' WITH (ON_ERROR ignore)`)
    if (server.version === 15) {
      expect(await errorOf(copy)).toMatchObject({ code: '42601', message: 'option "on_error" not recognized' })
    } else {
      await copy
      expect((await stack.client.query('SELECT a FROM target')).rows).toEqual([{ a: 1 }, { a: 2 }])
      expect(await imported('1,d!\n', "(DEFAULT 'd!')")).toEqual([[1, 'given']])
    }
  })

  it('what a blob cannot do', async () => {
    for (const options of ['(FREEZE)', '(FREEZE true)', 'FREEZE', "(FREEZE 'on', FORMAT csv)"]) {
      expect(await failing(options)).toMatchObject({ code: '0A000', message: expect.stringContaining('FREEZE') })
    }
    for (const options of ['(HEADER match)', "(HEADERS 'MATCH')"]) {
      expect(await failing(options)).toMatchObject({ code: '0A000', message: expect.stringContaining('HEADER MATCH') })
    }
    expect(await failing("(FORMAT 'avro')")).toMatchObject({
      code: '22023',
      message: 'azure_storage: invalid decoder: avro',
    })
    expect(await failing('(COMPRESSION rar)')).toMatchObject({
      code: '22023',
      message: 'azure_storage: invalid compression algorithm: rar',
    })
    expect(await failing('(COMPRESSION zstd)')).toMatchObject({
      code: '22023',
      message: expect.stringContaining('parquet'),
    })
  })

  it('text, xml and json: the whole file is one value', async () => {
    await stack.client.query('CREATE TABLE doc (j jsonb); CREATE TABLE line (s text)')
    const json = await stack.put('d.json', '{"a": [1,\n\t"\\\\x\\n"]}')
    expect((await stack.client.query(`COPY doc FROM '${json}'`)).rowCount).toBe(1)
    expect((await stack.client.query('TABLE doc')).rows).toEqual([{ j: { a: [1, '\\x\n'] } }])
    await stack.client.query(`COPY line FROM '${await stack.put('l.txt', 'a\\N\r\n\\.\nb\n')}' (FORMAT text)`)
    await stack.client.query(`COPY line FROM '${await stack.put('empty.txt', '')}'`)
    expect((await stack.client.query('TABLE line')).rows).toEqual([{ s: 'a\\N\r\n\\.\nb\n' }, { s: null }])
    await stack.client.query(`COPY line TO '${stack.blobUrl('back.txt')}'`)
    expect(await stack.get('back.txt')).toBe('a\\N\r\n\\.\nb\n')
    const wide = { code: '0A000', message: 'azure_storage: can only use text encoder with a single column' }
    expect(await errorOf(stack.client.query(`COPY t TO '${stack.blobUrl('wide.txt')}'`))).toMatchObject(wide)
    expect(await stack.exists('wide.txt')).toBe(false)
    const error = errorOf(stack.client.query(`COPY t FROM '${await stack.put('wide.txt', 'x')}'`))
    expect(await error).toMatchObject({ ...wide, message: wide.message.replace('encoder', 'decoder') })
    expect(await errorOf(stack.client.query(`COPY doc FROM '${json}' (HEADER)`))).toMatchObject({ code: '0A000' })
    expect(await errorOf(stack.client.query(`COPY doc FROM '${stack.blobUrl('back.txt')}'`))).toMatchObject({
      code: '22P02',
    })
  })
})
