import { createRequire } from 'node:module'
import * as arrow from 'apache-arrow'
import type { SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { WriterPropertiesBuilder } from 'parquet-wasm'

// Its ESM build is for browsers.
export const wasm: typeof import('parquet-wasm') = createRequire(import.meta.url)('parquet-wasm')

export const lines = (rows: readonly string[]): string => rows.map(row => `${row}\n`).join('')

/** A file of one column, "a", by arrow-rs. */
export function byArrow(
  type: arrow.DataType,
  values: unknown[],
  set = (builder: WriterPropertiesBuilder) => builder,
): Buffer {
  const table = new arrow.Table({ a: arrow.vectorFromArray(values, type) })
  const properties = set(new wasm.WriterPropertiesBuilder()).build()
  return Buffer.from(wasm.writeParquet(wasm.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), properties))
}

export const field = (type: arrow.DataType, name = 'item'): arrow.Field => new arrow.Field(name, type, true)

export function mapOf(key: arrow.DataType, value: arrow.DataType): arrow.DataType {
  const entry = new arrow.Struct([new arrow.Field('key', key, false), field(value, 'value')])
  return new arrow.Map_(new arrow.Field('entries', entry, false) as never)
}

/** The unscaled value of a decimal, in words of 32 bits. */
export const decimal = (value: bigint, words: number): Uint32Array =>
  Uint32Array.from({ length: words }, (_, i) => Number((value >> BigInt(32 * i)) & 0xffffffffn))

/** A file of one column, "a", by hyparquet-writer. */
export const byHyparquet = (element: Partial<SchemaElement>, data: unknown[]): Buffer =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [{ name: 'a', data }],
      schema: [
        { name: 'root', num_children: 1 },
        { name: 'a', repetition_type: 'REQUIRED', ...element } as SchemaElement,
      ],
      statistics: false,
    }),
  )

/** A file of points in time in 96 bits. The writer does not know the type: its code is put in. */
export function int96File(values: readonly [julianDay: number, nanosOfDay: bigint][]): Buffer {
  const data = values.map(([day, nanos]) => {
    const value = Buffer.alloc(12)
    value.writeBigUInt64LE(nanos)
    value.writeInt32LE(day, 8)
    return new Uint8Array(value)
  })
  const file = byHyparquet({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12 }, data)
  for (let at = file.length - 8 - file.readUInt32LE(file.length - 8); at < file.length - 8; at++) {
    if (file[at] === 0x15 && file[at + 1] === 0x0e) file[at + 1] = 0x06
  }
  return file
}
