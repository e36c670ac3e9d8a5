import { gzipSync } from 'node:zlib'
import type { SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { Random } from '../support/random.ts'

/** A blob that is small, and much more than it seems. */
export interface Bomb {
  readonly kind: string
  /** Its name decides how it is read. */
  readonly path: string
  readonly contents: Buffer
  /** What it is read as. */
  readonly columns: string
  /** Also by COPY, where the server takes whatever PostgreSQL does. */
  readonly copy?: boolean
  readonly decoder?: string
}

const MB = 1024 * 1024
/** Members of a gzip file follow each other, and each may be the same. */
const MEMBER_BYTES = 16 * MB

/** `start`, and then `repeated` until the file has so many bytes; compressed, it has a thousandth of them. */
function inflated(start: string, repeated: string, megabytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MEMBER_BYTES, repeated), { level: 9 })
  const members = Array.from({ length: megabytes / 16 }, () => member)
  return Buffer.concat([gzipSync(start), ...members])
}

const csv = (name: string, contents: Buffer, columns = 'a text'): Bomb => ({
  kind: 'csv',
  path: `${name}.csv.gz`,
  contents,
  columns,
})

function gzipBombs(): Bomb[] {
  const header = Buffer.concat([Buffer.from('1f8b080800000000020b', 'hex'), Buffer.alloc(20 * MB, 'n')])
  const empty = gzipSync('')
  return [
    { ...csv('endless-line', inflated('1\n2\n', 'x', 2048)), kind: 'gzip' },
    { ...csv('zeros', inflated('1\n2\n', '\0', 2048)), kind: 'gzip' },
    { ...csv('header', header), kind: 'gzip' },
    { ...csv('members', Buffer.concat(Array.from({ length: 200_000 }, () => empty))), kind: 'gzip' },
    { ...csv('nested', gzipSync(inflated('1\n', 'x', 2048))), kind: 'gzip' },
    { ...csv('wide-line', inflated('', 'x', 96)), kind: 'gzip', copy: true },
  ]
}

function textBombs(): Bomb[] {
  const columns = Array.from({ length: 1500 }, (_, i) => `c${i} text`).join()
  return [
    csv('quoted', inflated('1\n"', 'x', 2048)),
    csv('quotes', inflated('1\n"', '""', 2048)),
    csv('lines-in-quotes', inflated('1\n"', '\n', 2048)),
    csv('columns', gzipSync(`${','.repeat(100_000)}\n`)),
    csv('commas', inflated('', ',', 256)),
    csv('nulls', gzipSync(`${','.repeat(1499)}\n`.repeat(500)), columns),
    { kind: 'tsv', path: 'escapes.tsv.gz', contents: inflated('1\n', '\\101', 1024), columns: 'a text' },
    { kind: 'tsv', path: 'line.tsv.gz', contents: inflated('1\n', 'x', 2048), columns: 'a text' },
    { kind: 'text', path: 'text.txt.gz', contents: inflated('', 'x', 2048), columns: 'a text' },
    { kind: 'text', path: 'object.json.gz', contents: inflated('[', '[', 2048), columns: 'a text' },
    { kind: 'text', path: 'small.json.gz', contents: inflated('[', '[', 48), columns: 'a text' },
  ]
}

/** COPY's signature, flags and extension; tuples follow. */
const BINARY_HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])

function binaryBombs(): Bomb[] {
  const claim = Buffer.from('00013fffffff', 'hex')
  const field = Buffer.concat([Buffer.from('000105000000', 'hex'), Buffer.alloc(MB, 'x')])
  const binary = (path: string, ...parts: Buffer[]): Bomb => ({
    kind: 'binary',
    path: `${path}.bin.gz`,
    contents: gzipSync(Buffer.concat([BINARY_HEADER, ...parts])),
    columns: 'a text',
    decoder: 'binary',
  })
  return [
    binary('claim', claim, Buffer.from('x')),
    binary('half', field),
    binary('many-fields', Buffer.from('7fff', 'hex'), Buffer.alloc(4 * 32767, 0xff)),
    binary('extension', Buffer.alloc(0)),
    binary('large', Buffer.from('000106000000', 'hex'), Buffer.alloc(96 * MB, 'x'), Buffer.from('ffff', 'hex')),
  ]
}

/** What a file may be that was one before somebody changed some bytes of it. */
export function forged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let i = 1 + random.below(8); i > 0; i--)
    copy[copy.length - 1 - random.below(copy.length / 2)] = random.below(256)
  return copy
}

/** Parquet by a writer of its own, so that nothing of ours stands between. */
function parquet(columns: Parameters<typeof parquetWriteBuffer>[0]['columnData'], schema?: SchemaElement[]): Buffer {
  return Buffer.from(parquetWriteBuffer({ columnData: columns, ...(schema && { schema }) }))
}

const parquetBomb = (name: string, contents: Buffer, columns = 'a text'): Bomb => ({
  kind: 'parquet',
  path: `${name}.parquet`,
  contents,
  columns,
  copy: columns === 'a text',
})

function parquetBombs(random: Random): Bomb[] {
  const cell = 'x'.repeat(24 * MB)
  const cells = parquet([{ name: 'a', data: Array(20).fill(cell), type: 'STRING' }])
  const columns = Array.from({ length: 20_000 }, (_, i) => ({ name: `c${i}`, data: [1], type: 'INT32' as const }))
  const small = parquet([{ name: 'a', data: ['one', 'two', 'three'], type: 'STRING' }])
  const claim = Buffer.from(small)
  claim.writeUInt32LE(0x7fffffff, claim.length - 8)
  return [
    parquetBomb('cells', cells),
    parquetBomb('columns', parquet(columns)),
    parquetBomb('long-name', parquet([{ name: 'n'.repeat(4 * MB), data: ['x'], type: 'STRING' }])),
    parquetBomb('deep', parquet([{ name: 'a', data: [null] }], deepSchema(500))),
    parquetBomb('footer', claim),
    parquetBomb('nothing', Buffer.from('PAR1PAR1')),
    ...Array.from({ length: 3 }, (_, i) => parquetBomb(`forged-${i}`, forged(small, random))),
  ]
}

/** A column of structures within each other. */
function deepSchema(depth: number): SchemaElement[] {
  const groups = Array.from({ length: depth }, (_, i) => ({
    name: i === 0 ? 'a' : 's',
    num_children: 1,
    repetition_type: 'OPTIONAL' as const,
  }))
  return [{ name: 'root', num_children: 1 }, ...groups, { name: 'leaf', type: 'INT32', repetition_type: 'OPTIONAL' }]
}

/** Statements of the other direction, with `{path}` for where to: rows that are larger than anything. */
export const ROW_STATEMENTS: Readonly<Record<string, string>> = {
  csv: "SELECT azure_storage.blob_put({place}, t, 'csv') FROM (SELECT repeat('\"', 100000000) AS a) AS t",
  'csv, just too large':
    "SELECT azure_storage.blob_put({place}, t, 'csv') FROM (SELECT repeat('x', 70000000) AS a) AS t",
  'csv, just not too large': `SELECT azure_storage.blob_put({place}, t, 'csv') FROM (SELECT repeat('"', 30000000) AS a) AS t`,
  binary: "SELECT azure_storage.blob_put({place}, t, 'binary') FROM (SELECT repeat('x', 30000000) AS a) AS t",
  parquet: "SELECT azure_storage.blob_put({place}, t, 'parquet') FROM (SELECT repeat('x', 60000000) AS a) AS t",
  array:
    "SELECT azure_storage.blob_put({place}, t, 'parquet') FROM (SELECT array_agg(i) AS a FROM generate_series(1, 5000000) AS i) AS t",
}

export const allBombs = (random: Random): Bomb[] => [
  ...gzipBombs(),
  ...textBombs(),
  ...binaryBombs(),
  ...parquetBombs(random),
]
