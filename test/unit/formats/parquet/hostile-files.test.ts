import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, it } from 'vitest'
import { rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const text = unnamed(scalar('text'))

/** Of so many structures within each other. */
function deep(depth: number): Uint8Array {
  const groups = Array.from({ length: depth }, (_, i) => ({
    name: i === 0 ? 'a' : 's',
    num_children: 1,
    repetition_type: 'OPTIONAL' as const,
  }))
  const schema = [
    { name: 'root', num_children: 1 },
    ...groups,
    { name: 'leaf', type: 'INT32' as const, repetition_type: 'OPTIONAL' as const },
  ]
  return new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'a', data: [null] }], schema }))
}

const fields = (count: number, name: string): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: Array.from({ length: count }, (_, i) => ({ name: `${name}${i}`, data: [1], type: 'INT32' as const })),
    }),
  )

it('has many more columns than a table', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `c${i} INTEGER`).join(', ')
  await expect(rowsOf(fields(20_000, 'c'), text)).rejects.toMatchObject({
    code: '22P04',
    message: 'azure_storage: the Parquet file has 20000 columns, but 1 column are expected',
    detail: `The file's columns: ${names}, and 19980 more. Expected: a text.`,
  })
})

it('has names that are larger than any value', async () => {
  await expect(rowsOf(fields(1, 'n'.repeat(1_000_000)), text)).rejects.toMatchObject({
    code: '54000',
    message: "azure_storage: the Parquet file's schema is too large",
  })
})

it('has types within each other, deeper than anybody needs', async () => {
  expect(await rowsOf(deep(10), text)).toMatch(/^(?:\\N|\{.*\})\n$/)
  await expect(rowsOf(deep(400), text)).rejects.toMatchObject({ code: '22P04' })
})
