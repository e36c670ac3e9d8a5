/**
 * npx tsx test/parquet-testing/compare.ts DIR: each file of a checkout of apache/parquet-testing, as our reader and as
 * hyparquet read it, as a table.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ParquetColumn } from '../../src/formats/parquet/shape.ts'
import { PgError } from '../../src/protocol/pg-error.ts'
import { rowsOf } from '../support/parquet-files.ts'
import { difference, exactJson, unescaped } from './compare-values.ts'
import { columnsOf, readReference } from './reference.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('the folder of a checkout of apache/parquet-testing is wanted')

// hyparquet leaves some of its own failures without a handler.
process.on('unhandledRejection', () => {})

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => /\.parquet(\.encrypted)?$/.test(name))
  .sort()
console.log('| file | verdict |\n|---|---|')
for (const name of files) console.log(`| ${name} | ${await verdict(readFileSync(join(folder, name)))} |`)
process.exit()

async function verdict(bytes: Buffer): Promise<string> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  const columns = attempt(() => columnsOf(file))
  const ours = await rowsOf(bytes, columns instanceof Error ? [] : columns).catch((error: unknown) => {
    if (error instanceof PgError) return error
    throw error
  })
  if (ours instanceof PgError) {
    const { message, detail } = ours
    return `refused: ${message.replace('azure_storage: ', '')}${detail ? ` (${detail})` : ''}`
  }
  const reference = await readReference(file).catch((error: Error) => error)
  if (reference instanceof Error || columns instanceof Error) return `read, but not by hyparquet: ${reference}`
  return compared(ours, columns, reference)
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work()
  } catch (error) {
    return error as Error
  }
}

function compared(text: string, columns: readonly ParquetColumn[], rows: readonly unknown[][]): string {
  const lines = text.split('\n').slice(0, -1)
  if (lines.length !== rows.length) return `DIFFERS: ${lines.length} rows and not ${rows.length}`
  for (const [i, line] of lines.entries()) {
    const values = line.split('\t').map(unescaped)
    for (const [j, { name, shape }] of columns.entries()) {
      const value = values[j] ?? null
      const isJson = shape.kind === 'scalar' && (shape.type === 'jsonb' || Array.isArray(rows[i]?.[j]))
      const found = difference(isJson && value !== null ? exactJson(value) : value, rows[i]?.[j], `row ${i}, ${name}`)
      if (found !== undefined) return `DIFFERS: ${found}`
    }
  }
  return `${rows.length === 1 ? '1 row' : `${rows.length} rows`}, equal`
}
