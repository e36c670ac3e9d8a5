import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type Loaded, loadInferred } from '../support/infer.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('infer on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  const load = (name: string, contents: string | Buffer, options?: object): Promise<Loaded> =>
    loadInferred(stack, name, contents, options)

  it.each([
    ['integers', 'a\n1\n-2\n', 'integer'],
    ['integers of eight bytes', 'a\n1\n2147483648\n', 'bigint'],
    ['larger integers', 'a\n1\n9223372036854775808\n', 'numeric'],
    ['decimal numbers', 'a\n1\n-.5\n 2.50 \n', 'numeric'],
    ['numbers with exponents', 'a\n1.5e-7\n2\n', 'double precision'],
    ['numbers that no double is', 'a\n1e400\n2\n', 'numeric'],
    ['codes with leading zeros', 'a\n01234\n56789\n', 'text'],
    ['digits in groups', 'a\n1_000\n0x1F\n', 'text'],
    ['words of truth', 'a\ntrue\nFALSE\n', 'boolean'],
    ['letters of truth', 'a\nt\nf\n', 'boolean'],
    ['a letter', 'a1\nF\nF\n', 'text'],
    ['dates', 'a\n2024-02-29\n1999-12-31\n', 'date'],
    ['dates with the names of months', 'a\nJan 1 2000\n29 February 2024\n', 'date'],
    ['days that are none', 'a\n2023-02-29\n', 'text'],
    ['dates that hang on a setting', 'a\n1/2/2024\n', 'text'],
    ['times of days', 'a\n2024-01-01\n2024-01-01T10:00:00.5\n', 'timestamp without time zone'],
    ['times with zones', 'a\n2024-01-01 10:00:00Z\n2024-01-01 10:00+02:00\n', 'timestamp with time zone'],
    ['times with zones and without', 'a\n2024-01-01 10:00:00Z\n2024-01-01 10:00\n', 'text'],
    ['times', 'a\n10:20:30\n', 'time without time zone'],
    ['times of more than a day', 'a\n25:20:30\n', 'text'],
    ['uuids', 'a\n00000000-0000-4000-8000-00000000000A\n', 'uuid'],
    ['JSON', 'a,b\n"{""x"": 1}",1\n[],2\n', 'jsonb'],
    ['JSON that jsonb does not take', 'a,b\n"{""x"": ""\\u0000""}",1\n', 'json'],
    ['braces', 'a,b\n"{1,2}",1\n', 'text'],
    ['nothing', 'a,b\n,1\n', 'text'],
    ['empty values', 'a,b\n1,1\n,2\n', 'integer'],
    ['empty values in quotes', '"a","b"\n"1","x"\n"","y"\n', 'integer'],
  ])('takes %s', async (_, contents, type) => {
    const { columns, rows } = await load('values.csv', contents)
    expect(columns[0]).toMatch(/^(a|a1) /)
    expect(columns[0]?.replace(/^\w+ /, '')).toBe(type)
    expect(rows).toHaveLength(contents.trimEnd().split('\n').length - 1)
  })

  it.each([';', '\t', '|', ','])('finds the delimiter %j', async delimiter => {
    const { columns, rows } = await load('delimited.csv', `id,name,price\n1,x,2.5\n2,y,3\n`.replaceAll(',', delimiter))
    expect(columns).toEqual(['id integer', 'name text', 'price numeric'])
    expect(rows).toHaveLength(2)
  })

  it('tells quotes that are escaped with backslashes, and quotes that are none', async () => {
    const escaped = await load('escaped.csv', 'id,text\n1,"a \\"b\\", c"\n2,d\n')
    expect(escaped.rows.map(({ text }) => text)).toEqual(['a "b", c', 'd'])
    const none = await load('inches.csv', 'id,text\n1,5" pipe\n2,d\n')
    expect(none.rows.map(({ text }) => text)).toEqual(['5" pipe', 'd'])
  })

  it('names columns as the file does, in quotes where need be', async () => {
    const long = 'é'.repeat(40)
    const { script, columns } = await load(
      'names.csv',
      `,select,Name,name,name,a"b,ctid,${long}1,${long}2\n${'1,'.repeat(8)}2\n`,
    )
    const cut = 'é'.repeat(31)
    expect(columns.map(column => column.replace(/ integer$/, ''))).toEqual([
      'column1',
      'select',
      'Name',
      'name',
      'name_2',
      'a"b',
      'ctid_',
      cut,
      `${'é'.repeat(30)}_2`,
    ])
    expect(script).toContain(
      '  "select" integer,\n  "Name" integer,\n  name integer,\n  name_2 integer,\n  "a""b" integer,',
    )
  })

  it('finds no header where the first line is like the others', async () => {
    expect((await load('rows.csv', '1,x\n2,y\n')).columns).toEqual(['column1 integer', 'column2 text'])
    expect((await load('rows.csv', 'Alan,London\nMary,Paris\n')).rows).toHaveLength(2)
    expect((await load('rows.csv', 'Alan,London\nMary,Paris\n', { header: true })).columns).toEqual([
      'Alan text',
      'London text',
    ])
    expect((await load('rows.csv', 'first_name,city\nMary,Paris\n')).columns).toEqual(['first_name text', 'city text'])
  })

  it("reads PostgreSQL's text format, with \\N or with nothing for NULL", async () => {
    const own = await load('own.tsv', 'id\tname\n1\ta\\tb\n\\N\t\n')
    expect([own.columns, own.rows]).toEqual([
      ['id integer', 'name text'],
      [
        { id: 1, name: 'a\tb' },
        { id: null, name: '' },
      ],
    ])
    const others = await load('others.tsv', 'id\tname\n1\ta\n\t\n')
    expect(others.rows).toEqual([
      { id: 1, name: 'a' },
      { id: null, name: null },
    ])
    const quoted = await load('quoted.tsv', 'id\tname\n1\t"a\tb"\n')
    expect(quoted.rows).toEqual([{ id: 1, name: 'a\tb' }])
  })

  it('guesses an encoding, and says so', async () => {
    const windows = await load('euro.csv', Buffer.from('id,price\n1,5 \x80\n', 'latin1'))
    expect(windows.rows).toEqual([{ id: 1, price: '5 €' }])
    expect(windows.script).toContain('WIN1252 is a guess')
    const latin = await load('latin.csv', Buffer.from('id,größe\n1,\xe9\n', 'latin1'))
    expect(latin.rows).toEqual([{ id: 1, größe: 'é' }])
    const utf8 = await load('utf8.csv', '\ufeffid,größe\n1,é\n')
    expect(utf8.rows).toEqual([{ id: 1, größe: 'é' }])
    expect(utf8.script).not.toContain('guess')
  })

  it.each([
    ['UTF-16', Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), /UTF-16/],
    ['NUL', Buffer.from('a,b\n1,\0\n'), /NUL byte, at offset 6/],
  ])('says that %s cannot be loaded', async (_, contents, reason) => {
    expect((await errorOf(load('bad.csv', contents))).detail).toMatch(reason)
  })

  it('takes lines whole where they are not rows of one kind', async () => {
    const { columns, rows, script } = await load('ragged.csv', 'a,b\n1,2\n3\n4,"5,6\n')
    expect(columns).toEqual(['line text'])
    expect(rows.map(({ line }) => line)).toEqual(['a,b', '1,2', '3', '4,"5,6'])
    expect(script).toMatch(/missing data for column "column2" \(blob, line 3\)/)
  })

  it('takes JSON as one value, and lines of it as many', async () => {
    expect((await load('one.json', '{"a":\n [1]}')).rows).toEqual([{ document: { a: [1] } }])
    expect((await load('lines.jsonl', '{"a":"x,\\"y"}\n{"a":"|"}\n')).rows).toEqual([
      { document: { a: 'x,"y' } },
      { document: { a: '|' } },
    ])
    expect((await load('bad.json', '{"a"')).columns).toEqual(['document text'])
    expect((await load('list.xml', '<a/>')).rows).toEqual([{ document: '<a/>' }])
  })

  it('knows gzip by its content', async () => {
    const gzip = gzipSync('id,name\n1,x\n')
    for (const name of ['a.csv.gz', 'without_ending', 'wrong.csv']) {
      expect((await load(name, gzip)).rows).toEqual([{ id: 1, name: 'x' }])
    }
    expect((await load('plain.csv.gz', 'id,name\n1,x\n')).rows).toEqual([{ id: 1, name: 'x' }])
  })

  it('reads the first part, carefully and saying so, or all', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `${i},${i % 100 === 0 ? i : ''}`)
    const contents = `${['id,seldom', ...rows].join('\n')}\n${'9'.repeat(12)},x\n`
    const part = await load('large.csv', contents, { sampleBytes: 10_000 })
    expect(part.columns).toEqual(['id bigint', 'seldom text'])
    expect(part.script).toMatch(/rows behind them may not fit/)
    const all = await load('large.csv', contents.replace(/9{12}/, '1.5'), { sampleBytes: 10_000, full: true })
    expect(all.columns).toEqual(['id numeric', 'seldom text'])
    expect(all.rows).toHaveLength(5001)
    expect(all.script).toContain('5001 rows all read')
  })

  it('learns from what comes late that a file is written otherwise, where it reads all', async () => {
    const rows = 'x,1\n'.repeat(5000)
    const ragged = await load('late.csv', `a,b\n${rows}y\n`, { sampleBytes: 10_000, full: true })
    expect(ragged.rows).toHaveLength(5002)
    const encoded = Buffer.from(`a,b\n${rows}\xe9,2\n`, 'latin1')
    expect((await load('late.csv', encoded, { sampleBytes: 10_000, full: true })).rows.at(-1)).toEqual({ a: 'é', b: 2 })
  })
})
