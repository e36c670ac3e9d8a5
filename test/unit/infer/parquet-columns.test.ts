import { expect, it } from 'vitest'
import { parquetColumns } from '../../../src/infer/parquet-columns.ts'

it('refuses more columns than a table can have', () => {
  const columns = Array.from({ length: 50 }, (_, i) => ({
    name: `c${i}`,
    type: { kind: 'scalar', name: 'INTEGER' } as const,
  }))
  expect(parquetColumns({ count: 50, columns })).toHaveLength(50)
  // Of very many, the engine tells the first alone.
  expect(() => parquetColumns({ count: 2000, columns })).toThrow('2000 columns')
})
