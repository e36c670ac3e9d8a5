import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Compression } from '../../src/formats/format.ts'
import { readParquet } from '../../src/formats/parquet/read-parquet.ts'
import type { ParquetColumn, Shape } from '../../src/formats/parquet/shape.ts'
import { writeParquet } from '../../src/formats/parquet/write-parquet.ts'

export const scalar = (type: string): Shape => ({ kind: 'scalar', type })
export const numeric = (precision: number, scale: number): Shape => ({
  kind: 'scalar',
  type: 'numeric',
  precision,
  scale,
})
export const array = (element: Shape): Shape => ({ kind: 'array', element })
export const composite = (fields: Readonly<Record<string, Shape>>): Shape => ({
  kind: 'composite',
  fields: columns(fields),
})

export const columns = (shapes: Readonly<Record<string, Shape>>): ParquetColumn[] =>
  Object.entries(shapes).map(([name, shape]) => ({ name, shape }))

/** One column a shape, named a, b, c … */
export const unnamed = (...shapes: Shape[]): ParquetColumn[] =>
  shapes.map((shape, i) => ({ name: String.fromCharCode(97 + i), shape }))

/** A Parquet file of rows in COPY's text format. */
export function parquetOf(text: string, target: ParquetColumn[], compression: Compression = 'snappy'): Promise<Buffer> {
  return buffer(writeParquet(target, compression).end(text))
}

/** The rows of a file in COPY's text format. */
export async function rowsOf(file: Uint8Array, target: ParquetColumn[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'parquet-'))
  const path = join(folder, 'file')
  writeFileSync(path, file)
  try {
    const chunks: Buffer[] = []
    for await (const chunk of readParquet(path, target, new AbortController().signal)) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  } finally {
    rmSync(folder, { recursive: true })
  }
}
