import { gzipSync } from 'node:zlib'
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

export const rowBombs = (): Bomb[] => [...gzipBombs(), ...textBombs(), ...binaryBombs()]
