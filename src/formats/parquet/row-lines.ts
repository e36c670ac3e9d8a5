import { LiteralError, parseLiteral } from './nested-literals.ts'
import { refused } from './parquet-errors.ts'
import type { ParquetColumn } from './shape.ts'

const NEWLINE = 0x0a
const NULL_VALUE = '\\N'
const CONTROLS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** Lines of COPY's text format, in chunks cut anywhere → the lines that the engine is given. */
export type RowLines = (chunk: Buffer) => Buffer

/**
 * Nested values become JSON, which the engine can read. After the value of a single column comes an empty one: the engine
 * would pass over an empty line. Undefined: there is nothing to do.
 */
export function createRowLines(columns: readonly ParquetColumn[]): RowLines | undefined {
  const nested = columns.flatMap((column, index) => (column.shape.kind === 'scalar' ? [] : [{ ...column, index }]))
  const single = columns.length === 1
  if (nested.length === 0 && !single) return undefined

  const rewrite = (line: string): string => {
    const values = line.split('\t')
    for (const { name, shape, index } of nested) {
      const value = values[index] as string
      if (value === NULL_VALUE) continue
      const text = value.replace(/\\(.)/g, (_, letter: string) => CONTROLS[letter] ?? letter)
      try {
        values[index] = JSON.stringify(parseLiteral(text, shape)).replaceAll('\\', '\\\\')
      } catch (error) {
        throw error instanceof LiteralError ? refused(name, error.message) : error
      }
    }
    if (single) values.push('')
    return values.join('\t')
  }

  let begun: Buffer[] = []
  return chunk => {
    const end = chunk.lastIndexOf(NEWLINE)
    if (end < 0) {
      begun.push(Buffer.from(chunk))
      return Buffer.alloc(0)
    }
    // Bytes of UTF-8 pass through latin1 as they are, and no ASCII character is part of another one.
    const lines = Buffer.concat([...begun, chunk.subarray(0, end)]).toString('latin1')
    begun = [Buffer.from(chunk.subarray(end + 1))]
    return Buffer.from(`${lines.split('\n').map(rewrite).join('\n')}\n`, 'latin1')
  }
}
