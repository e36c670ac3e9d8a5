import { DataRowWriter } from '../../src/formats/rows/data-row-writer.ts'
import type { RowDecoder } from '../../src/formats/rows/row-decoder.ts'

const MAX_ROW_BYTES = 64 * 1024 * 1024

export type Row = (string | null)[]

/** The fields of whole DataRow messages, each buffer with whole messages only. */
export function readDataRows(buffers: readonly Buffer[]): Row[] {
  return buffers.flatMap(buffer => {
    const rows: Row[] = []
    for (let at = 0; at < buffer.length; ) {
      if (buffer[at] !== 'D'.charCodeAt(0)) throw new Error(`no DataRow at ${at}`)
      const end = at + 1 + buffer.readInt32BE(at + 1)
      const row: Row = []
      let position = at + 7
      for (let i = buffer.readInt16BE(at + 5); i > 0; i--) {
        const length = buffer.readInt32BE(position)
        position += 4
        row.push(length < 0 ? null : buffer.toString('utf8', position, position + length))
        position += Math.max(0, length)
      }
      if (position !== end || end > buffer.length) throw new Error(`a DataRow ends at ${position}, not at ${end}`)
      rows.push(row)
      at = end
    }
    return rows
  })
}

/** Whatever the decoder makes of these chunks. */
export function decodeRows(
  create: (writer: DataRowWriter) => RowDecoder,
  chunks: Iterable<Buffer>,
  maxRowBytes = MAX_ROW_BYTES,
): Row[] {
  const writer = new DataRowWriter(maxRowBytes)
  const decoder = create(writer)
  const buffers: Buffer[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    buffers.push(...writer.take())
  }
  decoder.end()
  return readDataRows([...buffers, ...writer.take()])
}
