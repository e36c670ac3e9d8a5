import { oneLine } from '../one-line.ts'
import type { Inference } from './infer.ts'
import { type Place, statementsFor } from './statements.ts'

/** What psql can be fed with: the table, and its rows. The rest is said in comments. */
export function printed(inference: Inference, table: string, place: Place): string {
  const { createTable, copy, psqlCopy, query } = statementsFor(inference, table, place)
  const others = [
    ...(psqlCopy === undefined ? [] : ['or, once it is a blob:', copy]),
    ...(place.kind === 'file' && psqlCopy === undefined
      ? ['psql cannot load such a file: make it a blob, and name the account and container.']
      : []),
    'or without a table:',
    ...query.split('\n'),
  ]
  return `${comments([...remarks(inference)])}${createTable}\n\n${psqlCopy ?? copy}\n\n${comments(others)}`
}

const comments = (lines: readonly string[]): string => lines.map(line => `-- ${oneLine(line)}\n`).join('')

function* remarks({ found, compression, sampledBytes }: Inference): Generator<string> {
  const compressed = compression === 'gzip' ? ', gzip' : ''
  if (found.kind === 'parquet') {
    yield `Parquet, ${counted(found.columns.length, 'column')}, by its schema`
    return
  }
  if (found.kind === 'document') {
    yield `${found.format}${compressed}: the whole file is one value`
  } else {
    const { dialect } = found.writing
    const columns = counted(found.columns.length, 'column')
    const read = sampledBytes === undefined ? 'all read' : 'read'
    yield `${dialect.format}${compressed}, ${columns}, ${counted(found.rows, 'row')} ${read}${dialect.isLines ? '' : `; the first line ${found.header ? 'has their names' : 'is a row'}`}`
  }
  if (sampledBytes !== undefined) {
    const megabytes = Math.round(sampledBytes / 1024 / 1024)
    yield `Only the first ${megabytes} MB were read: rows behind them may not fit. To read all of it: --full`
  }
  const encoding = found.kind === 'rows' ? found.writing.encoding : found.encoding
  if (encoding !== 'UTF8') yield `It is not UTF-8; ${encoding} is a guess, see ENCODING`
  yield* found.notes
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
