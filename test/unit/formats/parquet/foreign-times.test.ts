import * as arrow from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import type { Shape } from '../../../../src/formats/parquet/shape.ts'
import { byArrow, byHyparquet, field, int96File, lines } from '../../../support/foreign-parquet.ts'
import { array, composite, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const NOON = Date.UTC(2024, 6, 1, 12)
const int8 = scalar('int8')

describe('what is not marked as local is UTC', () => {
  test.each([
    ['TIMESTAMP_MILLIS', BigInt(NOON), 'timestamptz', '2024-07-01 12:00:00+00'],
    ['TIMESTAMP_MICROS', BigInt(NOON) * 1000n + 1n, 'timestamptz', '2024-07-01 12:00:00.000001+00'],
    ['TIMESTAMP_MILLIS', BigInt(NOON), 'timestamp', '2024-07-01 12:00:00'],
    ['TIMESTAMP_MILLIS', BigInt(NOON), 'text', '2024-07-01 12:00:00+00'],
    ['TIMESTAMP_MILLIS', BigInt(NOON), 'jsonb', '"2024-07-01T12:00:00+00:00"'],
    ['TIME_MICROS', 36_000_000_001n, 'timetz', '10:00:00.000001+00'],
    ['TIME_MICROS', 36_000_000_001n, 'time', '10:00:00.000001'],
  ] as const)('%s %i into %s', async (converted_type, value, target, text) => {
    const file = byHyparquet({ type: 'INT64', converted_type }, [value])
    expect(await rowsOf(file, unnamed(scalar(target)))).toBe(`${text}\n`)
  })

  test.each([
    [true, 'NANOS', 1_719_835_200_123_456_789n, '2024-07-01 12:00:00.123456789+00'],
    [true, 'MICROS', 1_719_835_200_000_001n, '2024-07-01 12:00:00.000001+00'],
    [true, 'MILLIS', -62_198_755_200_001n, '0003-12-31 23:59:59.999+00 BC'],
    [false, 'MILLIS', 1_719_835_200_001n, '2024-07-01 12:00:00.001'],
  ] as const)('isAdjustedToUTC %s, %s', async (isAdjustedToUTC, unit, value, text) => {
    const logical_type = { type: 'TIMESTAMP', isAdjustedToUTC, unit } as const
    const file = byHyparquet({ type: 'INT64', logical_type }, [value])
    expect(await rowsOf(file, unnamed(scalar('timestamptz')))).toBe(`${text}\n`)
  })

  test('in lists and structs', async () => {
    const utc = new arrow.TimestampMillisecond('UTC')
    const local = new arrow.TimestampMillisecond()
    const type = new arrow.Struct([field(local, 'l'), field(new arrow.List(field(utc)), 'u')])
    const file = byArrow(type, [{ l: NOON, u: [NOON, null] }])
    const target = composite({ l: scalar('timestamptz'), u: array(scalar('timestamptz')) })
    expect((await rowsOf(file, unnamed(target))).replaceAll('\\', '')).toBe(
      '("2024-07-01 12:00:00","{"2024-07-01 12:00:00+00",NULL}")\n',
    )
    expect(await rowsOf(file, unnamed(scalar('jsonb')))).toBe(
      '{"l":"2024-07-01T12:00:00","u":["2024-07-01T12:00:00+00:00",null]}\n',
    )
  })
})

describe('96 bits', () => {
  test.each([
    [2_440_588 + 19_723, 37_845_123_456_000n, '2024-01-01 10:30:45.123456+00'],
    // The low 32 bits as a number of either sign, and both sides of half a microsecond.
    [2_440_588, 2_147_483_647n, '1970-01-01 00:00:02.147484+00'],
    [2_440_588, 2_147_483_648n, '1970-01-01 00:00:02.147484+00'],
    [2_440_588, 4_294_967_295n, '1970-01-01 00:00:04.294967+00'],
    [2_440_588, 4_294_967_296n, '1970-01-01 00:00:04.294967+00'],
    [2_440_588, 86_399_999_999_499n, '1970-01-01 23:59:59.999999+00'],
    [2_440_587, 0n, '1969-12-31 00:00:00+00'],
    [0, 0n, '4714-11-24 00:00:00+00 BC'],
    [5_373_484, 3_600_000_000_000n, '9999-12-31 01:00:00+00'],
  ] as const)('day %i, %i ns', async (day, nanos, text) => {
    expect(await rowsOf(int96File([[day, nanos]]), unnamed(scalar('timestamptz')))).toBe(`${text}\n`)
  })

  test('without a zone', async () => {
    expect(await rowsOf(int96File([[2_440_588, 0n]]), unnamed(scalar('timestamp')))).toBe('1970-01-01 00:00:00\n')
  })

  test('out of range', async () => {
    await expect(rowsOf(int96File([[2_000_000_000, 0n]]), unnamed(scalar('timestamptz')))).rejects.toMatchObject({
      code: '22000',
      message: 'azure_storage: a value of the Parquet file is out of range',
    })
  })
})

describe('types of Arrow that Parquet has no word for', () => {
  const days = (day: string): Date => new Date(day)
  test.each<[string, arrow.DataType, unknown[], Shape, string[]]>([
    [
      'Date64',
      new arrow.DateMillisecond(),
      [days('2024-07-01'), days('-000043-03-15'), null],
      scalar('date'),
      ['2024-07-01', '0044-03-15 BC', '\\N'],
    ],
    ['Date64', new arrow.DateMillisecond(), [days('2024-07-01')], scalar('timestamp'), ['2024-07-01 00:00:00']],
    ['Date64', new arrow.DateMillisecond(), [days('1970-01-02')], int8, ['86400000']],
    ['Timestamp(s)', new arrow.TimestampSecond(), [NOON], scalar('timestamp'), ['2024-07-01 12:00:00']],
    ['Timestamp(s, UTC)', new arrow.TimestampSecond('UTC'), [NOON], scalar('timestamptz'), ['2024-07-01 12:00:00+00']],
    ['Timestamp(s)', new arrow.TimestampSecond(), [NOON], int8, [String(NOON / 1000)]],
    ['Time32(s)', new arrow.TimeSecond(), [86_399], scalar('time'), ['23:59:59']],
    ['Duration(s)', new arrow.DurationSecond(), [90_061n, -1n], scalar('interval'), ['25:01:01', '-00:00:01']],
    ['Duration(ms)', new arrow.DurationMillisecond(), [90_061_500n], scalar('interval'), ['25:01:01.5']],
    ['Duration(µs)', new arrow.DurationMicrosecond(), [1n], scalar('interval'), ['00:00:00.000001']],
    [
      'Duration(ns)',
      new arrow.DurationNanosecond(),
      [1499n, 1500n],
      scalar('interval'),
      ['00:00:00.000001', '00:00:00.000002'],
    ],
    ['Duration(s)', new arrow.DurationSecond(), [90_061n], int8, ['90061']],
    [
      'a list of durations',
      new arrow.List(field(new arrow.DurationSecond())),
      [[1n, null]],
      array(scalar('interval')),
      ['{"00:00:01",NULL}'],
    ],
    [
      'durations beside numbers',
      new arrow.Struct([
        field(new arrow.Int64(), 'n'),
        field(new arrow.DurationSecond(), 'd'),
        field(new arrow.Int64(), 'm'),
      ]),
      [{ n: 1n, d: 2n, m: 3n }],
      scalar('jsonb'),
      ['{"n":1,"d":"00:00:02","m":3}'],
    ],
  ])('%s %#', async (_name, type, values, target, texts) => {
    expect(await rowsOf(byArrow(type, values), unnamed(target))).toBe(lines(texts))
  })
})
