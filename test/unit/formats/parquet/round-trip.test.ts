import { expect, test } from 'vitest'
import type { Shape } from '../../../../src/formats/parquet/shape.ts'
import { array, composite, numeric, parquetOf, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const NINES = '9'.repeat(38)
const pair = composite({ 'a "b"': scalar('int4'), "c'd": scalar('text') })

/** Values in PostgreSQL's COPY text format; where they come back in another spelling, that too. */
const VALUES: [name: string, shape: Shape, values: string[], back?: string[]][] = [
  ['bool', scalar('bool'), ['t', 'f'], ['true', 'false']],
  ['int2', scalar('int2'), ['-32768', '32767']],
  ['int4', scalar('int4'), ['-2147483648', '2147483647']],
  ['int8', scalar('int8'), ['-9223372036854775808', '9223372036854775807']],
  ['oid', scalar('oid'), ['0', '4294967295']],
  [
    'float4',
    scalar('float4'),
    ['1e-45', '3.4028235e+38', '0.1', '16777216'],
    ['1e-45', '3.4028235e+38', '0.1', '16777216.0'],
  ],
  ['float4 specials', scalar('float4'), ['NaN', 'Infinity', '-Infinity', '-0'], ['nan', 'inf', '-inf', '-0.0']],
  ['float8', scalar('float8'), ['5e-324', '1.7976931348623157e+308', '0.1', '-1.5']],
  ['float8 specials', scalar('float8'), ['NaN', 'Infinity', '-Infinity', '-0'], ['nan', 'inf', '-inf', '-0.0']],
  ['numeric(5,2)', numeric(5, 2), ['-999.99', '0.00', '0.01']],
  ['numeric(38,0)', numeric(38, 0), [NINES, `-${NINES}`]],
  ['numeric(38,38)', numeric(38, 38), [`0.${NINES}`, `-0.${NINES}`]],
  ['numeric(39,1)', numeric(39, 1), [`${NINES}.9`, 'NaN']],
  ['numeric(2,-3)', numeric(2, -3), ['99000']],
  ['numeric(2,4)', numeric(2, 4), ['0.0099']],
  ['numeric', scalar('numeric'), [`${NINES.repeat(3)}.${NINES}`, 'NaN', '-Infinity', '1.500']],
  [
    'text',
    scalar('text'),
    ['', ' a ', '\\\\N', '\\\\.', '"', "'", ',', '\\\\q', '\\\\n', '\\\\\\n', '\\t\\r\\n', 'é😀', '#', 'NULL'],
  ],
  ['text with more escapes', scalar('text'), ['\\b\\f\\v\\\\'], ['\b\f\v\\\\']],
  ['varchar', scalar('varchar'), ['x']],
  ['bpchar', scalar('bpchar'), ['x  ']],
  ['name', scalar('name'), ['x']],
  ['bytea', scalar('bytea'), ['\\\\x', '\\\\x00', '\\\\xff5c0a09']],
  ['date', scalar('date'), ['0001-01-01', '4714-11-24 BC', '5874897-12-31', '1969-12-31', '0044-03-15 BC']],
  ['time', scalar('time'), ['00:00:00', '23:59:59.999999', '24:00:00']],
  ['timetz', scalar('timetz'), ['00:00:00+15:59:59', '24:00:00-12', '10:11:12.5+05:30']],
  [
    'timestamp',
    scalar('timestamp'),
    ['4714-11-24 00:00:00 BC', '294246-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999'],
  ],
  [
    'timestamptz',
    scalar('timestamptz'),
    [
      '4714-11-24 00:00:00+00 BC',
      '1890-01-01 00:00:00+00:53:28',
      '10000-01-01 00:00:00.5-08',
      '0044-03-15 10:00:00+05:30 BC',
    ],
    ['4714-11-24 00:00:00+00 BC', '1889-12-31 23:06:32+00', '10000-01-01 08:00:00.5+00', '0044-03-15 04:30:00+00 BC'],
  ],
  ['interval', scalar('interval'), ['-178000000 years', '1 mon -1 days +00:00:00.000001']],
  ['uuid', scalar('uuid'), ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']],
  ['json', scalar('json'), ['{"a" :1, "a":1}', '"x\\\\n"', 'null', '[1e400]', '123456789012345678901234567890.10']],
  ['jsonb', scalar('jsonb'), ['{"a": "\\\\\\\\ \\\\t"}']],
  ['enum', scalar('enum'), ['happy', 'so\\\\so']],
  ['inet', scalar('inet'), ['10.0.0.0/8']],
  ['int4[]', array(scalar('int4')), ['{}', '{1,NULL,-3}'], ['{}', '{"1",NULL,"-3"}']],
  [
    'text[]',
    array(scalar('text')),
    ['{"a,b","\\\\"q\\\\\\\\","",NULL,"NULL",aé,"x\\ty","{}"," "}'],
    ['{"a,b","\\\\"q\\\\\\\\","",NULL,"NULL","aé","x\\ty","{}"," "}'],
  ],
  ['bytea[]', array(scalar('bytea')), ['{"\\\\\\\\x00ff","\\\\\\\\x"}']],
  ['date[]', array(scalar('date')), ['{"0044-03-15 BC",1999-01-08}'], ['{"0044-03-15 BC","1999-01-08"}']],
  ['numeric(3,1)[]', array(numeric(3, 1)), ['{1.5,-99.9}'], ['{"1.5","-99.9"}']],
  ['box[]', array(scalar('box')), ['{(1,1),(0,0);(2,2),(1,1)}'], ['{"(1,1),(0,0)","(2,2),(1,1)"}']],
  [
    'composite',
    pair,
    ['(1,"a ""b"" \\\\\\\\, c")', '(,)', '(2,"")', '(3,x)', '(4," ")'],
    ['("1","a \\\\"b\\\\" \\\\\\\\, c")', '(,)', '("2","")', '("3","x")', '("4"," ")'],
  ],
  [
    'composite[]',
    array(pair),
    ['{"(1,\\\\"a b\\\\")",NULL,"(,)"}', '{}'],
    ['{"(\\\\"1\\\\",\\\\"a b\\\\")",NULL,"(,)"}', '{}'],
  ],
  [
    'composite of arrays',
    composite({ a: array(scalar('int4')), b: pair }),
    ['("{1,2}","(3,x)")', '({},)'],
    ['("{\\\\"1\\\\",\\\\"2\\\\"}","(\\\\"3\\\\",\\\\"x\\\\")")', '("{}",)'],
  ],
]

const lines = (values: readonly string[]): string => values.map(value => `${value}\n`).join('')

test.each(VALUES)('%s', async (_name, shape, values, back = values) => {
  const target = unnamed(shape, scalar('int4'))
  const withNull = (column: readonly string[]): string =>
    lines(['\\N\t0', ...column.map((value, i) => `${value}\t${i}`)])
  const file = await parquetOf(withNull(values), target)
  expect(await rowsOf(file, target)).toBe(withNull(back))
})

test.each(['none', 'gzip', 'snappy', 'zstd', 'brotli', 'lz4'] as const)('compression %s', async compression => {
  const text = lines(Array.from({ length: 1000 }, (_, i) => `${i}\tvalue ${i % 10}`))
  const target = unnamed(scalar('int4'), scalar('text'))
  const file = await parquetOf(text, target, compression)
  expect(await rowsOf(file, target)).toBe(text)
})

test('a single column of empty texts', async () => {
  for (const text of ['', '\n', '\n\\N\n\na\n\n']) {
    const file = await parquetOf(text, unnamed(scalar('text')))
    expect(await rowsOf(file, unnamed(scalar('text')))).toBe(text)
  }
})

test('no rows', async () => {
  const target = unnamed(scalar('int4'), array(pair))
  expect(await rowsOf(await parquetOf('', target), target)).toBe('')
})

test('a 50 MB value, after small ones, and rows in order', async () => {
  const small = Array.from({ length: 100_000 }, (_, i) => `${i}\tx${i}`)
  const text = lines([...small, `100000\t\\t${'0123456789'.repeat(5_000_000)}`, '100001\t\\N'])
  const target = unnamed(scalar('int4'), scalar('text'))
  const back = await rowsOf(await parquetOf(text, target), target)
  expect(back === text).toBe(true)
})
