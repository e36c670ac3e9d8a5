import * as arrow from 'apache-arrow'
import { expect, test } from 'vitest'
import { byArrow, byHyparquet, lines } from '../../../support/foreign-parquet.ts'
import { array, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'
import { Random } from '../../../support/random.ts'

// What a float8 that is cast to bigint gives, and BigInt(number) in JavaScript.
const WHOLE = [0, 1, -1, 1e15, 1e16, -1e16, 123456789012345680, 2 ** 53, 2 ** 62, -(2 ** 63), 2 ** 63 - 1024]

test.each(['int2', 'int4', 'int8', 'oid'])('whole doubles into %s', async type => {
  const file = byHyparquet({ type: 'DOUBLE' }, WHOLE)
  expect(await rowsOf(file, unnamed(scalar(type)))).toBe(lines(WHOLE.map(value => String(BigInt(value)))))
})

test('whole doubles of all sizes', async () => {
  const random = new Random(7)
  const values = Array.from({ length: 2000 }, () =>
    Math.trunc((random.below(2 ** 31) / 2 ** 31 - 0.5) * 2 ** random.below(65)),
  )
  const file = byHyparquet({ type: 'DOUBLE' }, values)
  expect(await rowsOf(file, unnamed(scalar('int8')))).toBe(lines(values.map(value => String(BigInt(value)))))
})

test('whole floats', async () => {
  const values = [2 ** 24, 1e20, -(2 ** 40)].map(Math.fround)
  const file = byHyparquet({ type: 'FLOAT' }, values)
  expect(await rowsOf(file, unnamed(scalar('int8')))).toBe(lines(values.map(value => String(BigInt(value)))))
})

test('in an array', async () => {
  const file = byArrow(new arrow.List(new arrow.Field('item', new arrow.Float64(), true)), [[1e16, null, 1.5]])
  expect(await rowsOf(file, unnamed(array(scalar('int8'))))).toBe('{"10000000000000000",NULL,"1.5"}\n')
})

test('what is no integer, or too large, is left to PostgreSQL', async () => {
  const file = byHyparquet({ type: 'DOUBLE' }, [0.5, 2 ** 63, 1e300, Infinity])
  expect(await rowsOf(file, unnamed(scalar('int8')))).toEqual(
    expect.stringMatching(/^0\.5\n9223372036854775808\n1\d{300}\ninf\n$/),
  )
})
