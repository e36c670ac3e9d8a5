import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { inside } from '../support/copy-inside.ts'
import { copyOut } from '../support/copy-queries.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('patterns of names, with extras on, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a int, b text); SET blobgres.extras = on')
  })
  afterAll(() => stack.close())
  beforeEach(() => stack.client.query('TRUNCATE t'))

  const putAll = (files: Record<string, string | Buffer>) =>
    Promise.all(Object.entries(files).map(([path, contents]) => stack.put(path, contents)))
  const copy = (pattern: string, options = '(FORMAT csv)') => `COPY t FROM '${stack.blobUrl(pattern)}' WITH ${options}`
  const ways = [(statement: string) => statement, inside]
  const rows = async () => (await stack.client.query({ text: 'SELECT a, b FROM t', rowMode: 'array' })).rows
  /** What each of the ways makes of the files; they are to agree. */
  const loaded = async (pattern: string, options?: string) => {
    const results = []
    for (const way of ways) {
      await stack.client.query('TRUNCATE t')
      await stack.client.query(way(copy(pattern, options)))
      results.push(await rows())
    }
    expect(results[1]).toEqual(results[0])
    return results[0]
  }
  const failures = async (pattern: string, options?: string) => {
    const errors = []
    await stack.client.query('TRUNCATE t')
    for (const way of ways) errors.push(await errorOf(stack.client.query(way(copy(pattern, options)))))
    expect(await rows()).toEqual([])
    return errors
  }
  const got = async (path: string, options = 'NULL') => {
    const text = `SELECT a, b FROM azure_storage.blob_get($1, $2, $3, options := ${options}) AS r (a int, b text)`
    const values = [account.name, stack.container.containerName, path]
    return (await stack.client.query({ text, values, rowMode: 'array' })).rows
  }

  it('all that match are read, in the order of their names, as one statement', async () => {
    await putAll({
      'x/2/part-1.csv': '3,c\n',
      'x/10/part-2.csv': '2,b\n',
      'x/10/part-1.csv': '1,a\n',
      'x/10/other.csv': '9,no\n',
      'x/10/y/part-1.csv': '8,deep\n',
    })
    const flat = [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]
    expect(await loaded('x/*/part-*.csv')).toEqual(flat)
    expect(await got('x/*/part-?.csv')).toEqual(flat)
    expect(await loaded('x/**/part-[0-9].csv')).toEqual([
      [1, 'a'],
      [2, 'b'],
      [8, 'deep'],
      [3, 'c'],
    ])
    expect(await got('x/1*/[!p]*.csv')).toEqual([[9, 'no']])
    await stack.client.query('TRUNCATE t')
    expect((await stack.client.query(copy('x/**.csv'))).rowCount).toBe(5)
  })

  it('csv: headers, last lines without an end, other line ends, end markers, empty files, quotes', async () => {
    await putAll({
      'csv/0.csv': '',
      'csv/1.csv': 'a,"b\n"\n1,x',
      'csv/2.csv': 'a,b\r\n2,"y\r\nz"\r\n3,w',
      'csv/3.csv': 'a,b',
      'csv/4.csv': '"a\n\n",b\n4,"it""s\n"\n',
      'csv/5.csv': 'a,b\n',
    })
    const expected = [
      [1, 'x'],
      [2, 'y\r\nz'],
      [3, 'w'],
      [4, 'it"s\n'],
    ]
    expect(await loaded('csv/*.csv', '(HEADER)')).toEqual(expected)
    expect(await got('csv/*.csv', 'azure_storage.options_csv_get(header := true)')).toEqual(expected)
    if (server.version < 18) {
      await putAll({ 'end/1.csv': '1,a\n\\.\n7,no\n', 'end/2.csv': '2,b\n' })
      expect(await loaded('end/*.csv')).toEqual([
        [1, 'a'],
        [2, 'b'],
      ])
    }
  })

  it('tsv: end markers end their own file', async () => {
    await putAll({ 't/1.tsv': '1\ta\\\nb\n\\.\nnothing', 't/2.tsv': '2\tc\\', 't/3.tsv': '3\td\n' })
    expect(await loaded('t/*.tsv', '(FORMAT tsv)')).toEqual([
      [1, 'a\nb'],
      [2, 'c'],
      [3, 'd'],
    ])
    expect(await got('t/*.tsv')).toEqual([
      [1, 'a\nb'],
      [2, 'c'],
      [3, 'd'],
    ])
  })

  it('of each the compression by its name', async () => {
    await putAll({ 'z/1.csv': '1,a\n', 'z/2.csv.gz': gzipSync('2,b'), 'z/3.csv.gz': gzipSync('3,c\n') })
    expect(await loaded('z/*')).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ])
    expect(await loaded('z/*.csv.gz', "(DELIMITER ',')")).toEqual([
      [2, 'b'],
      [3, 'c'],
    ])
  })

  it('binary, Parquet and files that are one value', async () => {
    const binary = await copyOut(stack.client, "COPY (VALUES (1, 'a'), (2, NULL)) TO STDOUT (FORMAT binary)")
    await putAll({ 'b/1': binary, 'b/2': binary.subarray(0, -2), 'b/3': binary })
    const pair = [
      [1, 'a'],
      [2, null],
    ]
    expect(await loaded('b/*', '(FORMAT binary)')).toEqual([...pair, ...pair, ...pair])
    for (const [name, query] of [
      ['1', "SELECT 1 AS a, 'x' AS b"],
      ['2', "SELECT 2::bigint AS other, 'y' AS names"],
    ]) {
      await stack.client.query(`COPY (${query}) TO '${stack.blobUrl(`p/${name}.parquet`)}'`)
    }
    expect(await loaded('p/*.parquet', '(FORMAT parquet)')).toEqual([
      [1, 'x'],
      [2, 'y'],
    ])
    expect(await got('p/[12].parquet')).toEqual([
      [1, 'x'],
      [2, 'y'],
    ])
    await putAll({ 'j/1.json': '{"x":\n1}', 'j/2.json': '[]' })
    await stack.client.query('CREATE TEMP TABLE j (v jsonb)')
    await stack.client.query(`COPY j FROM '${stack.blobUrl('j/*.json')}'`)
    expect((await stack.client.query('SELECT v::text FROM j')).rows).toEqual([{ v: '{"x": 1}' }, { v: '[]' }])
  })

  it('errors say in which file, and where in it; then there is no row', async () => {
    await putAll({ 'e/1.csv': 'a,b\n1,a\n2,b', 'e/2.csv': '"a\n",b\n3,c\nx,d\n4,e\n' })
    const [top, within] = await failures('e/*.csv', '(HEADER)')
    const place = `blob ${stack.container.containerName}/e/2.csv, line 3`
    expect(top).toMatchObject({ code: '22P02', where: expect.stringContaining(place) })
    expect(within).toMatchObject({ code: '22P02' })
    const read = await errorOf(got('e/*.csv', 'azure_storage.options_csv_get(header := true)'))
    expect(read).toMatchObject({ code: '22P02', where: expect.stringMatching(/line 3 of e\/2\.csv, column [1a]/) })
    await putAll({ 'f/1.csv': '1,a\n', 'f/2.csv': '2,b,c\n', 'q/1.csv': '1,"a\n', 'q/2.csv': '2,b"\n' })
    for (const error of await failures('f/*.csv')) {
      expect(error).toMatchObject({ code: '22P04', message: 'extra data after last expected column' })
    }
    for (const error of await failures('q/*.csv')) {
      expect(error).toMatchObject({ code: '22P04', message: 'unterminated CSV quoted field' })
    }
    await putAll({ 'g/1.csv.gz': gzipSync('1,a\n'), 'g/2.csv.gz': 'no gzip' })
    for (const error of await failures('g/*.csv.gz')) {
      expect(error).toMatchObject({ code: '22P04', where: expect.stringMatching(/blob .*\/g\/2\.csv\.gz$/m) })
    }
  })

  it('without a match they fail as a missing blob does; too many are too many', async () => {
    const missing = { code: '58P01', message: 'azure_storage: blob with the given name does not exist' }
    for (const error of [...(await failures('none/*.csv')), await errorOf(got('none/*.csv'))]) {
      expect(error).toMatchObject({ ...missing, detail: expect.stringContaining('matches the pattern "none/*.csv"') })
    }
    await putAll({ 'm/1.csv': '1,a', 'm/2.csv': '2,b' })
    await stack.client.query('SET blobgres.max_files = 1')
    for (const error of [...(await failures('m/*.csv')), await errorOf(got('m/*.csv'))]) {
      expect(error).toMatchObject({ code: '54000', message: 'azure_storage: more than 1 blobs match the pattern' })
    }
    await stack.client.query("SET blobgres.max_files = 'all'")
    for (const error of [...(await failures('m/*.csv')), await errorOf(got('m/*.csv'))]) {
      expect(error).toMatchObject({ code: '22023' })
    }
    await stack.client.query('RESET blobgres.max_files')
    expect(await loaded('m/*.csv')).toHaveLength(2)
  })

  it('what is escaped is a name, and so is all where extras are off', async () => {
    await putAll({ 'l/a*b[1].csv': '1,name\n', 'l/axb1.csv': '2,other\n' })
    expect(await loaded('l/a%2Ab%5B1%5D.csv')).toEqual([[1, 'name']])
    expect(await loaded('l/a[*]b*.csv')).toEqual([[1, 'name']])
    expect(await got('l/a\\*b\\[1].csv')).toEqual([[1, 'name']])
    expect(await loaded('l/a*b[1].csv')).toEqual([[2, 'other']])
    await stack.client.query('SET blobgres.extras = off')
    try {
      expect(await loaded('l/a*b[1].csv')).toEqual([[1, 'name']])
      expect(await got('l/a*b[1].csv')).toEqual([[1, 'name']])
      for (const error of [...(await failures('l/*.csv')), await errorOf(got('l/*.csv'))]) {
        expect(error).toMatchObject({ code: '58P01', detail: expect.stringContaining('BlobNotFound') })
      }
    } finally {
      await stack.client.query('SET blobgres.extras = on')
    }
  })
})
