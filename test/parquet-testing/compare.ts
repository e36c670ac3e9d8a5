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

/** Where hyparquet reads otherwise, or not at all: what else there is to compare with. */
const NOTES: Readonly<Record<string, string>> = {
  'bad_data/ARROW-GH-45185.parquet': 'its repetition levels are wrong; hyparquet and arrow-rs refuse it',
  'bad_data/ARROW-RS-GH-6229-LEVELS.parquet':
    'a column with no pages is read as nulls; hyparquet and arrow-rs refuse it',
  'data/datapage_v2_empty_datapage.snappy.parquet': 'hyparquet fails; arrow-rs reads the same, one null',
  'data/int96_from_spark.parquet': 'hyparquet reads another date in row 5; its description has ours',
  'data/large_string_map.brotli.parquet': 'its two keys have 1 GiB each, more than a field of PostgreSQL',
  'data/map_no_value.parquet':
    'a map without values is a list of its keys; hyparquet has the groups as they are stored',
  'data/nation.dict-malformed.parquet': 'hyparquet and arrow-rs fail; the rows are those of TPC-H',
  'data/repeated_primitive_no_list.parquet': 'hyparquet has null for an empty list; arrow-rs has the list, as we do',
  'shredded_variant/case-028.parquet': 'hyparquet has null; cases.json has ours',
  'shredded_variant/case-029.parquet': 'hyparquet fails; cases.json has ours',
  'shredded_variant/case-030.parquet': "hyparquet fails; cases.json has the same bytes; they come in DuckDB's notation",
  'shredded_variant/case-042.parquet':
    'a value in both places: an error in cases.json; we read the one and hyparquet the other',
  'shredded_variant/case-043-INVALID.parquet': 'invalid: readers may differ',
  'shredded_variant/case-041.parquet': 'a VARIANT without "value"',
  'shredded_variant/case-077.parquet': 'nanoseconds with a zone come in microseconds',
  'shredded_variant/case-087.parquet': 'an error in cases.json as well',
  'shredded_variant/case-088.parquet': 'a VARIANT without "value"',
  'shredded_variant/case-119.parquet': 'nanoseconds with a zone come in microseconds',
  'shredded_variant/case-126.parquet': 'hyparquet lacks two fields; cases.json has ours',
  'shredded_variant/case-127.parquet': 'an error in cases.json as well',
  'shredded_variant/case-128.parquet': 'an error in cases.json as well',
  'shredded_variant/case-131.parquet': 'a VARIANT without "value"',
  'shredded_variant/case-132.parquet': 'a VARIANT without "value"',
  'shredded_variant/case-138.parquet': 'a VARIANT without "value"',
}

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('the folder of a checkout of apache/parquet-testing is wanted')

// hyparquet leaves some of its own failures without a handler.
process.on('unhandledRejection', () => {})

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => /\.parquet(\.encrypted)?$/.test(name))
  .sort()
console.log('| file | verdict |\n|---|---|')
for (const name of files) {
  const found = await verdict(readFileSync(join(folder, name)))
  const note = found.endsWith('equal') ? undefined : NOTES[name]
  console.log(`| ${name} | ${found}${note === undefined ? '' : `. Note: ${note}`} |`)
}
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
  if (reference instanceof Error || columns instanceof Error) return 'read, but not by hyparquet'
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
  if (lines.length !== rows.length) return `read, differs from hyparquet: ${lines.length} rows and not ${rows.length}`
  for (const [i, line] of lines.entries()) {
    const values = line.split('\t').map(unescaped)
    for (const [j, { name, shape }] of columns.entries()) {
      const value = values[j] ?? null
      const isJson = shape.kind === 'scalar' && (shape.type === 'jsonb' || Array.isArray(rows[i]?.[j]))
      const found = difference(isJson && value !== null ? exactJson(value) : value, rows[i]?.[j], `row ${i}, ${name}`)
      if (found !== undefined) return `read, differs from hyparquet (${found.replaceAll('|', '\\|')})`
    }
  }
  return `${rows.length === 1 ? '1 row' : `${rows.length} rows`}, equal`
}
