import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { loadInferred } from '../support/infer.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

const FILES = 120
const DIGITS = '0123456789'
const ODD = ['"', "'", '\\', ',', ';', '\t', '|', '\n', 'é', '{', '[', '\\.', '\\N', 'NULL', ' ', '%', '$']
const EDGES = [
  ...[
    '0',
    '-0',
    '007',
    '.',
    '-',
    '.5',
    '5.',
    '+1',
    '1e5',
    '1e-400',
    '1e400',
    '1e99999',
    'NaN',
    'Infinity',
    '-inf',
    '0x10',
    '1_0',
  ],
  ...['2147483647', '2147483648', '-2147483648', '9223372036854775807', '-9223372036854775809', `1${'0'.repeat(390)}`],
  ...[
    '0000-01-01',
    '0001-01-01',
    '9999-12-31',
    '2023-02-29',
    '2000-13-01',
    '2000/1/2',
    '2000-1-2',
    '1-2-2000',
    'Feb 30 2000',
  ],
  ...[
    'Sept 1 2000',
    '1-Jan-2000',
    'infinity',
    'now',
    'today',
    'epoch',
    '24:00:00',
    '23:59:60',
    '12:00',
    '12:00:00.1234567',
  ],
  ...[
    '2000-01-01 24:00',
    '2000-01-01T00:00:00Z',
    '2000-01-01 00:00+15',
    '2000-01-01 00:00 UTC',
    '2000-1-1T00:00',
    'J2451187',
  ],
  ...[
    't',
    'f',
    'true',
    'yes',
    'on',
    '{}',
    '[]',
    '{1,2}',
    '[1,]',
    '{"a":1e999}',
    '["\\ud800"]',
    `${'['.repeat(600)}${']'.repeat(600)}`,
  ],
  ...[
    '00000000-0000-0000-0000-000000000000',
    '{00000000-0000-0000-0000-000000000000}',
    '\ufeff1',
    '1\u00a0',
    '\u00a01',
    '١',
  ],
]

/** A column's values, mostly of one kind. */
function values(random: Random): () => string {
  const digits = (most: number): string =>
    Array.from({ length: 1 + random.below(most) }, () => random.pick([...DIGITS])).join('')
  const two = (limit: number): string => String(random.below(limit)).padStart(2, '0')
  const date = (): string => `${1900 + random.below(200)}-${two(13)}-${two(32)}`
  const time = (): string => `${two(24)}:${two(60)}:${two(60)}${random.chance(0.3) ? `.${digits(7)}` : ''}`
  const words = (): string => random.times(4, () => random.pick([...ODD, 'a', 'word', 'Word'])).join('')
  const few = [random.pick(EDGES), random.pick(EDGES)]
  const kinds = [
    () => random.pick(few),
    () => String(random.below(2 ** 31)),
    () => `${random.pick(['', '-'])}${digits(20)}`,
    () => `${random.pick(['', '-', ' '])}${random.below(1000)}.${digits(5)}`,
    () => `${random.below(10)}.${digits(3)}e${random.pick(['', '-', '+'])}${random.below(400)}`,
    date,
    () => `${date()}${random.pick([' ', 'T'])}${time()}${random.pick(['', '', 'Z', '+02', '-03:30'])}`,
    time,
    () => random.pick(['true', 'false', 'TRUE', 't', 'f']),
    () => JSON.stringify({ [words()]: random.below(10), list: random.times(3, words) }),
    words,
  ]
  const kind = random.pick(kinds)
  const noise = random.pick([0, 0, 0.05])
  return () => (random.chance(noise) ? random.pick(EDGES) : random.chance(0.1) ? '' : kind())
}

function file(random: Random): { text: string; rows: number } {
  const delimiter = random.pick([',', ';', '\t', '|'])
  const quoteAll = random.chance(0.3)
  const quoted = (value: string): string =>
    quoteAll || /["\n\r,;|\t]/.test(value) || value.startsWith('\\') ? `"${value.replaceAll('"', '""')}"` : value
  const columns = Array.from({ length: 2 + random.below(5) }, () => values(random))
  const count = 1 + random.below(60)
  const rows = Array.from({ length: count }, () => columns.map(make => quoted(make())).join(delimiter))
  const names = columns.map((_, i) => quoted(random.pick(['id', 'Name', 'the "name"', `c${i}`, 'select'])))
  const hasHeader = random.chance(0.6)
  const end = random.pick(['\n', '\n', '\r\n'])
  return { text: [...(hasHeader ? [names.join(delimiter)] : []), ...rows].join(end) + end, rows: count }
}

describe.each(servers)('infer on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  it('makes tables that take every row of whatever csv files', async () => {
    const random = new Random(Number(process.env.SEED ?? 20_240_229))
    for (let i = 0; i < FILES; i++) {
      const { text, rows } = file(random)
      const loaded = await loadInferred(stack, `generated${i}.csv`, text).catch(error => {
        throw new Error(`file ${i}, ${error.message}, ${error.where}:\n${text.slice(0, 3000)}`)
      })
      // A header may be taken for a row where it looks like one, and lines hold no more than a row each.
      if (!loaded.columns.includes('line text')) expect(loaded.rows.length - rows, text).toBeOneOf([0, 1])
    }
  })
})
