import { DataRowWriter } from '../formats/rows/data-row-writer.ts'
import { createRowDecoder } from '../formats/rows/row-codecs.ts'
import { readRowOptions } from '../formats/rows/row-options.ts'
import { turns } from '../turns.ts'
import { rowOptions, type Writing } from './dialect.ts'
import { textReader } from './encoding.ts'

export type Row = readonly (string | null)[]

const MAX_ROW_BYTES = 64 * 1024 * 1024
/** Read between looks at the clock: thousands of rows, where they are short. */
const PIECE_BYTES = 8 * 1024
/** Of the header of a DataRow message: its letter, length and number of fields. */
const HEADER_BYTES = 7
/** Up to this version there is an end marker in csv, too; a file with one is a rarity. */
const MAJOR_VERSION = 18

/**
 * The rows of a file as COPY reads them: its rules are those of the functions' decoders. In batches. @throws PgError what
 * COPY says of a file with other rows
 * @param isWhole else the last row may be cut off, and is left out
 */
export async function* readRows(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  { dialect, encoding }: Writing,
  fields: number,
  isWhole: boolean,
): AsyncGenerator<Row[]> {
  const { format } = dialect
  const writer = new DataRowWriter(MAX_ROW_BYTES)
  const columns = Array.from({ length: fields }, (_, i) => `column${i + 1}`)
  const decoder = createRowDecoder(
    format,
    readRowOptions(rowOptions(dialect), format, 'get'),
    { columns, withLine: false },
    { majorVersion: MAJOR_VERSION, encoding },
    writer,
  )
  const textOf = textReader(encoding)
  const turn = turns(new AbortController().signal)
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      decoder.push(chunk.subarray(at, at + PIECE_BYTES))
      yield rowsOf(writer.take(), textOf)
      await turn()
    }
  }
  if (!isWhole) return
  decoder.end()
  yield rowsOf(writer.take(), textOf)
}

function rowsOf(buffers: readonly Buffer[], textOf: (bytes: Buffer) => string): Row[] {
  const rows: Row[] = []
  for (const bytes of buffers) {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + bytes.readInt32BE(at + 1)
      const row: (string | null)[] = []
      for (at += HEADER_BYTES; at < end; ) {
        const length = bytes.readInt32BE(at)
        at += 4
        row.push(length < 0 ? null : textOf(bytes.subarray(at, at + length)))
        at += Math.max(0, length)
      }
      rows.push(row)
    }
  }
  return rows
}
