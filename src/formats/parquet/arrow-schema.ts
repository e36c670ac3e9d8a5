/*
 * Arrow's writers note the schema that they wrote from in the file's metadata. It alone tells what some plain numbers are:
 * the types for which Parquet has no annotation.
 */

/** Undefined: what Parquet says of the column is all. */
export type ArrowKind =
  | 'DATE64'
  | 'TIME_S'
  | 'TIMESTAMP_S'
  | 'TIMESTAMP_S UTC'
  | `DURATION_${'S' | 'MS' | 'US' | 'NS'}`
  | undefined

/** The schema's key in the metadata. */
export const ARROW_SCHEMA_KEY = 'ARROW:schema'

const CONTINUATION = 0xffffffff
const MAX_DEPTH = 64
const MESSAGE = { header: 2 } as const
const SCHEMA = { fields: 1 } as const
const FIELD = { typeOfType: 2, type: 3, children: 5 } as const
const TYPE = { date: 8, time: 9, timestamp: 10, duration: 18 } as const
const UNITS = ['S', 'MS', 'US', 'NS'] as const

/** What the leaves are, in their order; none if this is no schema of so many leaves. */
export function readArrowSchema(base64: string, leafCount: number): readonly ArrowKind[] {
  try {
    const message = Buffer.from(base64, 'base64')
    const start = message.readUInt32LE(0) === CONTINUATION ? 8 : 4
    const schema = tableAt(rootTable(message.subarray(start)), MESSAGE.header)
    const kinds: ArrowKind[] = []
    let fieldsLeft = leafCount * MAX_DEPTH
    const visit = (field: Table, depth: number): void => {
      if (depth > MAX_DEPTH || fieldsLeft-- === 0) throw new RangeError('too many fields')
      const children = tablesAt(field, FIELD.children)
      for (const child of children) visit(child, depth + 1)
      if (children.length === 0) kinds.push(kindOf(field))
    }
    for (const field of tablesAt(schema, SCHEMA.fields)) visit(field, 0)
    return kinds.length === leafCount ? kinds : []
  } catch (error) {
    if (error instanceof RangeError) return []
    throw error
  }
}

function kindOf(field: Table): ArrowKind {
  const typeOfType = numberAt(field, FIELD.typeOfType, 'readUInt8', 0)
  const unit = (byDefault: number): number => numberAt(tableAt(field, FIELD.type), 0, 'readInt16LE', byDefault)
  switch (typeOfType) {
    case TYPE.date:
      return unit(1) === 1 ? 'DATE64' : undefined
    case TYPE.time:
      return unit(1) === 0 ? 'TIME_S' : undefined
    case TYPE.timestamp:
      if (unit(0) !== 0) return undefined
      return placeOf(tableAt(field, FIELD.type), 1) === undefined ? 'TIMESTAMP_S' : 'TIMESTAMP_S UTC'
    case TYPE.duration:
      return `DURATION_${UNITS[unit(1)] ?? 'MS'}`
    default:
      return undefined
  }
}

/** A table of a flatbuffer. Whatever lies outside of it fails with a RangeError. */
interface Table {
  readonly bytes: Buffer
  readonly at: number
}

const rootTable = (bytes: Buffer): Table => ({ bytes, at: bytes.readUInt32LE(0) })

/** Where a table has a field; undefined: it is not there. */
function placeOf({ bytes, at }: Table, field: number): number | undefined {
  const vtable = at - bytes.readInt32LE(at)
  const entry = 4 + 2 * field
  if (entry >= bytes.readUInt16LE(vtable)) return undefined
  const offset = bytes.readUInt16LE(vtable + entry)
  return offset === 0 ? undefined : at + offset
}

function numberAt(table: Table, field: number, read: 'readUInt8' | 'readInt16LE', byDefault: number): number {
  const place = placeOf(table, field)
  return place === undefined ? byDefault : table.bytes[read](place)
}

function tableAt(table: Table, field: number): Table {
  const place = placeOf(table, field)
  if (place === undefined) throw new RangeError('no such table')
  return { bytes: table.bytes, at: place + table.bytes.readUInt32LE(place) }
}

function tablesAt(table: Table, field: number): Table[] {
  const place = placeOf(table, field)
  if (place === undefined) return []
  const { bytes } = table
  const vector = place + bytes.readUInt32LE(place)
  const count = bytes.readUInt32LE(vector)
  if (count > bytes.length / 4) throw new RangeError('too many tables')
  return Array.from({ length: count }, (_, i) => {
    const entry = vector + 4 + 4 * i
    return { bytes, at: entry + bytes.readUInt32LE(entry) }
  })
}
