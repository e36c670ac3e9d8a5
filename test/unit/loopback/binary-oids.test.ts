import { expect, test } from 'vitest'
import { changeOids, type OidChanges } from '../../../src/loopback/binary-oids.ts'
import { everySplit, transformed } from '../../support/stream-bytes.ts'
import { int32 } from '../../support/wire.ts'

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const field = (...parts: readonly Buffer[]): Buffer => {
  const value = Buffer.concat(parts)
  return Buffer.concat([int32(value.length), value])
}
const NULL = int32(-1)
const HEAD = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0, 3), Buffer.from('ext')])
const TRAILER = int16(-1)

const ARRAY: OidChanges = { kind: 'array', from: 10, to: 20, element: undefined }
const COMPOSITE: OidChanges = {
  kind: 'composite',
  fields: [
    { from: 1, to: 2, value: undefined },
    { from: 3, to: 4, value: ARRAY },
  ],
}
const array = (oid: number): Buffer => Buffer.concat([int32(1, 0, oid, 1, 1), field(Buffer.from('x'))])
const composite = (first: number, second: number, element: number): Buffer =>
  Buffer.concat([int32(2, first), NULL, int32(second), field(array(element))])
const row = (a: number, first: number, second: number, element: number): Buffer =>
  Buffer.concat([int16(3), field(array(a)), field(Buffer.from('text')), field(composite(first, second, element))])

test('changes the types that values name, whatever the chunks', async () => {
  const columns = [ARRAY, undefined, COMPOSITE]
  const nulls = Buffer.concat([int16(3), NULL, NULL, NULL])
  const file = Buffer.concat([HEAD, row(10, 1, 3, 10), nulls, row(11, 1, 5, 10), TRAILER])
  const expected = Buffer.concat([HEAD, row(20, 2, 4, 20), nulls, row(11, 2, 5, 20), TRAILER])
  for (const chunks of everySplit(file)) expect(await transformed(changeOids(columns), chunks)).toEqual(expected)
})

test.each([
  ['a file that ends early', Buffer.concat([HEAD, row(11, 1, 3, 10).subarray(0, 40)])],
  ['no file at all', Buffer.from('x')],
  ['rows with too many columns', Buffer.concat([HEAD, int16(4), field(array(10))])],
  ['a value that ends early', Buffer.concat([HEAD, int16(3), field(int32(1)), NULL, NULL, TRAILER])],
  ['lengths that cannot be', Buffer.concat([HEAD, int16(3), int32(-2), int32(-99), NULL, int16(3), int32(0x7fffffff)])],
])('%s passes as it is', async (_, file) => {
  for (const chunks of everySplit(file)) {
    expect(await transformed(changeOids([ARRAY, undefined, COMPOSITE]), chunks)).toEqual(file)
  }
})
