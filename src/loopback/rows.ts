import { BACKEND, HEADER_LENGTH } from '../protocol/codes.ts'

/** Text-format rows of a reply. dblink takes the column types from its caller: here all are text. */
const TEXT_OID = 25

export function rowDescription(names: readonly string[]): Buffer {
  const fields = names.map(name => {
    const label = Buffer.from(`${name}\0`, 'utf8')
    const field = Buffer.alloc(label.length + 18)
    label.copy(field)
    field.writeInt32BE(TEXT_OID, label.length + 6)
    field.writeInt16BE(-1, label.length + 10)
    field.writeInt32BE(-1, label.length + 12)
    return field
  })
  return rowMessage(BACKEND.rowDescription, fields.length, fields)
}

type Row = readonly (string | undefined)[]

/** DataRow messages with values in another encoding. */
export async function dataRows(
  rows: readonly Row[],
  encode: (texts: readonly string[]) => Promise<readonly Buffer[]>,
): Promise<Buffer> {
  const texts = rows.flat().filter(value => value !== undefined)
  const encoded = (await encode(texts)).values()
  return Buffer.concat(rows.map(row => dataRow(row, () => encoded.next().value as Buffer)))
}

/** @param encode Gets each value that is not NULL, in their order. */
export function dataRow(values: Row, encode: (text: string) => Buffer = text => Buffer.from(text)): Buffer {
  const fields = values.map(value => {
    const bytes = value === undefined ? Buffer.alloc(0) : encode(value)
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === undefined ? -1 : bytes.length)
    return Buffer.concat([length, bytes])
  })
  return rowMessage(BACKEND.dataRow, fields.length, fields)
}

function rowMessage(code: number, count: number, fields: readonly Buffer[]): Buffer {
  const length = fields.reduce((sum, field) => sum + field.length, 6)
  const head = Buffer.allocUnsafe(HEADER_LENGTH + 2)
  head[0] = code
  head.writeInt32BE(length, 1)
  head.writeInt16BE(count, HEADER_LENGTH)
  return Buffer.concat([head, ...fields])
}
