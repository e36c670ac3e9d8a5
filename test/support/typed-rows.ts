import type { Random } from './random.ts'

/** What a column of each type may hold, in PostgreSQL's own words: what is remarkable, and anything. */
type Values = readonly [extremes: readonly string[], any: (random: Random) => string]

const LETTERS = [
  'a',
  'Z',
  ' ',
  ',',
  '"',
  "'",
  '\\',
  '\n',
  '\r\n',
  '\t',
  '{',
  '}',
  '(',
  'é',
  '日',
  '😀',
  'NULL',
  '\\N',
  '\\.',
  '\u0001',
]
const text = (random: Random): string => random.times(12, () => random.pick(LETTERS)).join('')
const digits = (random: Random, count: number): string =>
  Array.from({ length: 1 + random.below(count) }, () => random.below(10)).join('')
const integer = (bits: bigint) => (random: Random) =>
  String(BigInt.asIntN(Number(bits), (BigInt(random.below(2 ** 31)) << 33n) ^ (BigInt(random.below(2 ** 31)) << 5n)))
const float = (random: Random): string => `${random.pick(['', '-'])}${digits(random, 9)}e${random.below(60) - 30}`
const two = (number: number): string => String(number).padStart(2, '0')
const date = (random: Random): string =>
  `${String(1 + random.below(9998)).padStart(4, '0')}-${two(1 + random.below(12))}-${two(1 + random.below(28))}`
const time = (random: Random): string =>
  `${two(random.below(24))}:${two(random.below(60))}:${two(random.below(60))}.${digits(random, 6)}`
const zone = (random: Random): string => `${random.pick(['+', '-'])}${two(random.below(15))}:${two(random.below(60))}`
const json = (random: Random): string =>
  JSON.stringify({ [text(random)]: [random.below(9), null, text(random).replaceAll('\u0001', ''), { b: [] }] })
const array = (element: (random: Random) => string) => (random: Random) =>
  `{${random.times(4, () => (random.chance(0.2) ? 'NULL' : quoted(element(random), /[{},]/)))}}`
const quoted = (value: string, special: RegExp): string =>
  value === '' || special.test(value) || /[\s"\\]|^null$/i.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
const record =
  (...fields: ((random: Random) => string)[]) =>
  (random: Random) =>
    `(${fields.map(field => (random.chance(0.2) ? '' : quoted(field(random), /[(),]/)))})`
const pair = record(random => String(random.below(100)), text)
const enums = (random: Random): string => random.pick(['sad', 'very "happy", indeed'])

/** Types that come back from Parquet as they were. */
export const TYPED_VALUES: Readonly<Record<string, Values>> = {
  boolean: [['t', 'f'], random => random.pick(['t', 'f'])],
  smallint: [['-32768', '32767'], integer(16n)],
  integer: [['-2147483648', '2147483647'], integer(32n)],
  bigint: [['-9223372036854775808', '9223372036854775807'], integer(64n)],
  oid: [['0', '4294967295'], random => String(random.below(2 ** 32))],
  real: [['NaN', 'Infinity', '-Infinity', '3.4028235e+38', '1e-45', '-0'], float],
  'double precision': [['NaN', 'Infinity', '-Infinity', '1.7976931348623157e308', '5e-324', '0.1', '-0'], float],
  numeric: [
    ['NaN', 'Infinity', '-Infinity', `${'9'.repeat(100)}.${'1'.repeat(100)}`, '0.00', '-1e-200'],
    random => `-${digits(random, 60)}.${digits(random, 60)}`,
  ],
  'numeric(4,1)': [['999.9', '-999.9', '0'], random => `${digits(random, 3)}.${random.below(10)}`],
  'numeric(18,9)': [['-999999999.999999999'], random => `${digits(random, 9)}.${digits(random, 9)}`],
  'numeric(38,10)': [[`-${'9'.repeat(28)}.${'9'.repeat(10)}`], random => `${digits(random, 28)}.${digits(random, 10)}`],
  'numeric(5,-2)': [['9999900', '-100'], random => `${digits(random, 5)}00`],
  'numeric(2,5)': [['0.00099', '-0.00001'], random => `0.000${two(random.below(100))}`],
  'numeric(60,20)': [['9'.repeat(40)], random => `${digits(random, 40)}.${digits(random, 20)}`],
  money: [['-92233720368547758.08', '12.34'], random => `${digits(random, 9)}.${two(random.below(100))}`],
  text: [['', ' ', '\\N', '\\.', 'NULL', '日本 😀', 'x'.repeat(100_000)], text],
  'varchar(5)': [['', 'fünf5'], random => digits(random, 5)],
  'char(5)': [['', 'a'], random => digits(random, 5)],
  '"char"': [['a'], random => String(random.below(10))],
  name: [['n', 'x'.repeat(63)], text],
  bytea: [['', '\\x00ff5c6e0a0d22'], random => `\\x${Buffer.from(text(random)).toString('hex')}`],
  date: [['4713-01-01 BC', '0001-12-31 BC', '0001-01-01', '5874897-12-31', '2024-02-29'], date],
  time: [['00:00:00', '24:00:00', '12:34:56.789012'], time],
  timetz: [
    ['00:00:00+15:59', '23:59:59.999999-15:59', '24:00:00+00', '01:02:03+00:53:28'],
    random => time(random) + zone(random),
  ],
  timestamp: [
    ['4713-01-01 00:00:00 BC', '294246-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999'],
    random => `${date(random)} ${time(random)}`,
  ],
  timestamptz: [
    ['4713-02-01 00:00:00+00 BC', '1850-06-01 00:00:00+00', '294246-12-31 23:59:59.999999+00'],
    random => `${date(random)} ${time(random)}${zone(random)}`,
  ],
  interval: [
    ['-178000000 years', '1 year 2 mons -3 days 04:05:06.789', '0', '-1 days', '-00:00:00.000001'],
    random => `${random.below(500) - 250} mons ${random.below(90) - 45} days ${random.pick(['-', ''])}${time(random)}`,
  ],
  uuid: [
    ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    random => Array.from({ length: 32 }, () => random.below(16).toString(16)).join(''),
  ],
  json: [['{"a" : [1,  2, "x\\ny"], "a": 1e400}', 'null', ' "\\ud83d\\ude00" ', '""'], json],
  jsonb: [['{"a": [1, 2, {"b": null}], "é": 1e400}', '""', 'null', '123456789012345678901234567890.5'], json],
  xml: [['<a b="c">\n&amp;<!-- x --></a>', 'plain'], random => `<a>${random.below(100)}</a>`],
  inet: [['192.168.0.1/24', '::1'], random => `10.${random.below(256)}.0.1`],
  point: [['(1,-2.5)', '(NaN,Infinity)'], random => `(${random.below(9)},${random.below(9)})`],
  int4range: [['empty', '[1,10)', '(,)'], random => `[${random.below(9)},${10 + random.below(9)})`],
  tstzrange: [['["2024-01-01 00:00:00+00",)'], random => `["${date(random)} ${time(random)}${zone(random)}",infinity)`],
  int2vector: [['1 2 3', ''], random => `${random.below(9)} ${random.below(9)}`],
  regtype: [['integer', 'text[]'], random => random.pick(['date', 'interval'])],
  mood: [['sad', 'very "happy", indeed'], enums],
  small: [['1', '9'], random => String(1 + random.below(9))],
  prices: [['{1.5,NULL}'], array(random => `${random.below(1000)}.25`)],
  'integer[]': [['{}', '{1,NULL,3}', '{NULL}'], array(integer(32n))],
  'text[]': [['{"a,b","\\"q\\"",NULL,"NULL","",\\\\}', '{}'], array(text)],
  'bytea[]': [['{"\\\\x","\\\\x00ff"}'], array(random => `\\x${Buffer.from(text(random)).toString('hex')}`)],
  'double precision[]': [['{NaN,Infinity,-0}'], array(float)],
  'numeric(20,2)[]': [['{1.10,NULL}'], array(random => digits(random, 18))],
  'timestamptz[]': [
    ['{"4713-02-01 00:00:00+00 BC"}'],
    array(random => `${date(random)} ${time(random)}${zone(random)}`),
  ],
  'interval[]': [['{"-1 days"}'], array(random => `${random.below(99)} days ${time(random)}`)],
  'jsonb[]': [['{"{\\"a\\": 1}",null}'], array(json)],
  'mood[]': [['{sad,"very \\"happy\\", indeed"}'], array(enums)],
  pair: [['(1,"a,""b""")', '(,)', '(,"")'], pair],
  'pair[]': [['{"(1,x)","(,)",NULL}', '{}'], array(pair)],
  house: [
    ['(,,)', '("{""(1,x)"",NULL}","(2,)",)', '({},"(,)","{""2024-01-01"",NULL}")'],
    record(array(pair), pair, array(date)),
  ],
}

/** What the types above hang on. */
export const TYPES_SQL = `
  CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('sad', 'very "happy", indeed');
  CREATE TYPE house AS (pairs pair[], best pair, dates date[]);
  CREATE DOMAIN small AS int CHECK (VALUE BETWEEN 1 AND 9);
  CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN prices AS price[]`

/** Rows in COPY's text format, of a bigint and a column of each type. The first have the extremes. */
export function typedRows(random: Random, count: number): Buffer {
  const columns = Object.values(TYPED_VALUES)
  const lines = Array.from({ length: count }, (_, row) => {
    const values = columns.map(([extremes, any]) => {
      const value = extremes[row] ?? any(random)
      return row > 0 && random.chance(0.1) ? '\\N' : escaped(value)
    })
    return `${row}\t${values.join('\t')}\n`
  })
  return Buffer.from(lines.join(''))
}

const escaped = (value: string): string =>
  value.replace(/[\\\n\r\t]/g, char => `\\${{ '\\': '\\', '\n': 'n', '\r': 'r', '\t': 't' }[char]}`)
