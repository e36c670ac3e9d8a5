import { expect, test } from 'vitest'
import { partsOf } from '../../../../src/formats/parquet/column-chunks.ts'
import { i64, list, struct, THRIFT, type ThriftValue } from '../../../../src/formats/parquet/thrift.ts'

/** A row group of one column, from one place in the file to another. */
function rowGroup(from: number, to: number): ThriftValue {
  const metadata = new Map([
    [7, i64(to - from)],
    [9, i64(from)],
  ])
  const chunk = struct(new Map([[3, struct(metadata)]]))
  return struct(new Map([[1, list(THRIFT.struct, [chunk])]]))
}

const FOOTER = 1000
const LEAST = 100

/** How many row groups are in each part, and where it ends. */
function parts(...places: [from: number, to: number][]): [groups: number, end: number][] {
  const groups = places.map(([from, to]) => rowGroup(from, to))
  return partsOf(groups, [], FOOTER, LEAST).map(part => [part.groups.length, part.end])
}

test('a file without rows', () => {
  expect(parts()).toEqual([[0, FOOTER]])
})

test('small row groups are together', () => {
  expect(parts([4, 50], [50, 110], [110, 160], [160, 250], [250, 260])).toEqual([
    [2, 110],
    [2, 250],
    [1, FOOTER],
  ])
})

test('what stands between them is in the part before', () => {
  expect(parts([4, 150], [200, 300])).toEqual([
    [1, 200],
    [1, FOOTER],
  ])
})

test.each<[name: string, places: [number, number][]]>([
  [
    'one in another',
    [
      [4, 500],
      [200, 300],
    ],
  ],
  [
    'the last one first',
    [
      [400, 500],
      [200, 300],
      [4, 150],
    ],
  ],
  [
    'one that is anywhere',
    [
      [4, 150],
      [150, 300],
      [10, 20],
    ],
  ],
  [
    'beyond the end',
    [
      [4, 150],
      [2000, 2100],
    ],
  ],
  [
    'before the begin',
    [
      [4, 150],
      [-2000, -1900],
    ],
  ],
])('row groups out of their order are in one part: %s', (_, places) => {
  expect(parts(...places)).toEqual([[places.length, FOOTER]])
})
