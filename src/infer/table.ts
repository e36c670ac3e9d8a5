import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { Column } from './column.ts'
import { countFields, type Dialect, dialectsFor, type Writing } from './dialect.ts'
import { checkWin1252, type Encoding, isAscii, singleByte } from './encoding.ts'
import { isHeader } from './header.ts'
import { columnNames } from './names.ts'
import { type Row, readRows } from './rows.ts'
import { type InferredColumn, MAX_COLUMNS, type Sample } from './sample.ts'

/** What was found out about a file of rows. */
export interface InferredTable {
  readonly kind: 'rows'
  readonly writing: Writing
  readonly header: boolean
  /** Where it is not the format's own. */
  readonly nullString?: string
  /** Columns with "" in them, which is NULL for their type. */
  readonly forceNull: readonly string[]
  readonly columns: readonly InferredColumn[]
  readonly rows: number
  readonly isAscii: boolean
  /** Why its lines are taken as they are. */
  readonly notes: readonly string[]
}

/** By these rows it is decided how a file is written. */
const HEAD_BYTES = 1024 * 1024

export interface TableOptions {
  /** Instead of what the first line looks like. */
  readonly header?: boolean
  /** All of the file, again; else its sample has to do. */
  readonly readAll?: () => AsyncIterable<Buffer>
  /** Each line is JSON, or at least one value. */
  readonly asLines?: boolean
}

/** @throws PgError */
export async function inferTable(sample: Sample, encoding: Encoding, options: TableOptions): Promise<InferredTable> {
  const { bytes, isWhole } = sample
  const head = headOf(bytes, isWhole)
  const { dialects, reason } = options.asLines
    ? { dialects: dialectsFor(head).lines, reason: undefined }
    : await ranked(head, bytes.length === head.length && isWhole, encoding)
  let wrong: unknown = reason
  let current = encoding
  for (let i = 0; i < dialects.length; ) {
    const dialect = dialects[i] as Dialect
    try {
      const table = await judge(sample, { dialect, encoding: current }, options)
      const notes =
        dialect.isLines && !options.asLines
          ? [`its lines are taken whole, as they are not the same rows: ${told(wrong)}`]
          : []
      return { ...table, notes }
    } catch (error) {
      if (!(error instanceof PgError)) throw error
      if (error.code === SQLSTATE.characterNotInRepertoire) {
        // No other takes a NUL.
        if (current === 'LATIN1') throw error
        current = current === 'UTF8' ? singleByte(bytes) : 'LATIN1'
        continue
      }
      if (error.code !== SQLSTATE.badCopyFileFormat) throw error
      wrong ??= error
      i++
    }
  }
  throw wrong
}

/** Whole lines, but for a quoted one. */
function headOf(bytes: Buffer, isWhole: boolean): Buffer {
  if (bytes.length <= HEAD_BYTES && isWhole) return bytes
  const head = bytes.subarray(0, HEAD_BYTES)
  const end = Math.max(head.lastIndexOf('\n'), head.lastIndexOf('\r'))
  return end < 0 ? head : head.subarray(0, end + 1)
}

/** The dialects in which the head of a file has rows of several columns, the most first; then its lines. */
async function ranked(
  head: Buffer,
  isWhole: boolean,
  encoding: Encoding,
): Promise<{ dialects: readonly Dialect[]; reason: unknown }> {
  const { usual, unusual, lines } = dialectsFor(head)
  let reason: unknown
  let mostMissed = 1
  const fitting = async (candidates: readonly Dialect[]): Promise<{ dialect: Dialect; fields: number }[]> => {
    const found: { dialect: Dialect; fields: number }[] = []
    for (const dialect of candidates) {
      const fields = countFields(head, dialect)
      if (fields > MAX_COLUMNS) continue
      try {
        for await (const _ of readRows([head], { dialect, encoding }, fields, isWhole));
        found.push({ dialect, fields })
      } catch (error) {
        if (fields > mostMissed) [mostMissed, reason] = [fields, error]
      }
    }
    return found.sort((a, b) => b.fields - a.fields)
  }
  const first = await fitting(usual)
  const others = first[0] !== undefined && first[0].fields > 1 ? [] : await fitting(unusual)
  const several = [...first, ...others].filter(({ fields }) => fields > 1)
  // A single column is what any other delimiter finds, in lines of several.
  const single = first.filter(({ fields, dialect }) => fields === 1 && dialect.delimiter === ',')
  return { dialects: [...several, ...single].map(({ dialect }) => dialect).concat(lines), reason }
}

async function judge(
  { bytes, isWhole }: Sample,
  writing: Writing,
  { header: asked, readAll, asLines }: TableOptions,
): Promise<Omit<InferredTable, 'notes'>> {
  const { dialect } = writing
  const fields = dialect.isLines ? 1 : countFields(bytes, dialect)
  const columns = Array.from({ length: fields }, () => new Column())
  let first: Row | undefined
  let rows = 0
  let ascii = true
  const isSample = !isWhole && readAll === undefined
  const chunks = readAll === undefined || isWhole ? [bytes] : readAll()
  const seen = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      ascii &&= isAscii(chunk)
      checkWin1252(chunk, writing.encoding)
      yield chunk
    }
  }
  for await (const batch of readRows(seen(), writing, fields, !isSample)) {
    for (const row of batch) {
      if (first === undefined) first = row
      else for (const [i, column] of columns.entries()) column.add(row[i] as string | null)
    }
    rows += batch.length
  }
  if (first === undefined) throw empty()
  const header = dialect.isLines ? false : (asked ?? isHeader(first, columns))
  if (!header) for (const [i, column] of columns.entries()) column.add(first[i] as string | null)
  const names = columnNames(header ? first : dialect.isLines ? [asLines ? 'document' : 'line'] : first.map(() => null))
  const nullString = emptyIsNull(dialect, columns) ? '' : undefined
  const judgement = { isSample, emptyIsNull: dialect.format === 'csv' || nullString === '' }
  const inferred = columns.map((column, i) => ({ name: names[i] as string, type: column.type(judgement) }))
  const forceNull =
    dialect.format === 'csv' ? inferred.filter(({ type }, i) => type !== 'text' && (columns[i]?.empty ?? 0) > 0) : []
  return {
    kind: 'rows',
    writing,
    header,
    ...(nullString !== undefined && { nullString }),
    forceNull: forceNull.map(({ name }) => name),
    columns: inferred,
    rows: rows - (header ? 1 : 0),
    isAscii: ascii,
  }
}

/** In PostgreSQL's text format NULL is \N, unless there is none, and others have written the file. */
function emptyIsNull({ format }: Dialect, columns: readonly Column[]): boolean {
  return format === 'tsv' && columns.some(({ empty }) => empty > 0) && columns.every(({ nulls }) => nulls === 0)
}

const told = (error: unknown): string =>
  error instanceof PgError
    ? `${error.message}${error.context === undefined ? '' : ` (${error.context})`}`
    : String(error ?? 'no delimiter')

const empty = (): PgError =>
  new PgError({ message: 'the file is empty: there is nothing to infer from', code: SQLSTATE.invalidParameterValue })
