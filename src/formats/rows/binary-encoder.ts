import type { RowEncoder } from './row-encoder.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const NO_FLAGS_NO_EXTENSION = Buffer.alloc(8)
const HEADER = Buffer.concat([SIGNATURE, NO_FLAGS_NO_EXTENSION])
const TRAILER = Buffer.from([0xff, 0xff])
const NEWLINE = 0x0a
const OID_BYTES = 4

/** Rows as record_send() gives them, one in hexadecimal on each line → COPY BINARY. */
export class BinaryEncoder implements RowEncoder {
  rows = 0

  begin(): Buffer {
    return HEADER
  }

  encode(rows: Buffer): Buffer {
    const parts: Buffer[] = []
    for (let start = 0; start < rows.length; ) {
      const newline = rows.indexOf(NEWLINE, start)
      const end = newline < 0 ? rows.length : newline
      parts.push(tuple(Buffer.from(rows.toString('latin1', start, end), 'hex')))
      start = end + 1
    }
    this.rows += parts.length
    return Buffer.concat(parts)
  }

  end(): Buffer {
    return TRAILER
  }
}

/** A record has a count of four bytes and the type before each value; a tuple has two and no type. In place. */
function tuple(record: Buffer): Buffer {
  const columns = record.readInt32BE(0)
  record.writeInt16BE(columns, 0)
  let to = 2
  let from = 4
  for (let column = 0; column < columns; column++) {
    const valueAt = from + OID_BYTES
    const next = valueAt + 4 + Math.max(0, record.readInt32BE(valueAt))
    record.copyWithin(to, valueAt, next)
    to += next - valueAt
    from = next
  }
  return record.subarray(0, to)
}
