import { Transform } from 'node:stream'

/** One type's OID in the place of another's. */
export interface OidChange {
  readonly from: number
  readonly to: number
}

/**
 * The OIDs to change in a value's binary form: an array names its element type (array_send), a composite the type of each
 * field (record_send). Lengths stay what they are.
 */
export type OidChanges =
  | ({ readonly kind: 'array'; readonly element: OidChanges | undefined } & OidChange)
  | { readonly kind: 'composite'; readonly fields: readonly ({ readonly value: OidChanges | undefined } & OidChange)[] }

/** Signature, flags and the length of an extension (sql-copy.html, "Binary Format"). */
const FILE_HEADER_LENGTH = 19
const COUNT_LENGTH = 2
const LENGTH_LENGTH = 4

/**
 * A binary COPY file → the same with OIDs changed, by column. What is malformed passes as it is: PostgreSQL says what is
 * wrong with it.
 */
export function changeOids(columns: readonly (OidChanges | undefined)[]): Transform {
  let held: Buffer[] = []
  let heldLength = 0
  let wanted = FILE_HEADER_LENGTH
  /** Bytes that pass unseen. */
  let passing = 0
  /** The column of the next field; undefined before the file header, columns.length at the end of a row. */
  let column: number | undefined

  /** How far what begins at `at` goes, if it is there as a whole; else undefined, with `wanted` set. */
  const unit = (bytes: Buffer, at: number): number | undefined => {
    const available = bytes.length - at
    const has = (length: number): boolean => {
      wanted = length
      return available >= length
    }
    if (column === undefined) {
      if (!has(FILE_HEADER_LENGTH)) return undefined
      passing = bytes.readUInt32BE(at + FILE_HEADER_LENGTH - LENGTH_LENGTH)
      column = columns.length
      return FILE_HEADER_LENGTH
    }
    if (column === columns.length) {
      if (!has(COUNT_LENGTH)) return undefined
      if (bytes.readInt16BE(at) === columns.length) column = 0
      else passing = Number.POSITIVE_INFINITY // the trailer, or a mistake
      return COUNT_LENGTH
    }
    if (!has(LENGTH_LENGTH)) return undefined
    const length = Math.max(0, bytes.readInt32BE(at))
    const changes = columns[column]
    if (changes === undefined) passing = length
    else {
      if (!has(LENGTH_LENGTH + length)) return undefined
      changeField(bytes, at, changes)
    }
    column++
    return LENGTH_LENGTH + (changes === undefined ? 0 : length)
  }

  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      held.push(chunk)
      heldLength += chunk.length
      if (heldLength < wanted && passing === 0) return callback()
      const bytes = Buffer.concat(held)
      let at = 0
      while (at < bytes.length) {
        if (passing > 0) {
          const passed = Math.min(passing, bytes.length - at)
          passing -= passed
          at += passed
          continue
        }
        const length = unit(bytes, at)
        if (length === undefined) break
        at += length
      }
      const rest = bytes.subarray(at)
      held = [rest]
      heldLength = rest.length
      if (heldLength === 0) wanted = 1
      callback(null, bytes.subarray(0, at))
    },
    flush(callback) {
      callback(null, Buffer.concat(held))
    },
  })
}

/** A length word, -1 for NULL, and the value; returns where that ends. */
function changeField(bytes: Buffer, at: number, changes: OidChanges | undefined): number {
  const start = at + LENGTH_LENGTH
  const end = start + Math.max(0, bytes.readInt32BE(at))
  if (changes && end > start) {
    try {
      changeValue(bytes.subarray(start, end), changes)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error // it ends early
    }
  }
  return end
}

function changeValue(value: Buffer, changes: OidChanges): void {
  if (changes.kind === 'array') {
    // Number of dimensions, flags, element type, then two numbers for each dimension and the elements.
    const dimensions = value.readInt32BE(0)
    changeOid(value, 8, changes)
    for (let at = 12 + 8 * dimensions; at < value.length; ) at = changeField(value, at, changes.element)
    return
  }
  // Number of fields, then each with its type.
  let at = 4
  for (const field of changes.fields) {
    changeOid(value, at, field)
    at = changeField(value, at + 4, field.value)
  }
}

function changeOid(bytes: Buffer, at: number, { from, to }: OidChange): void {
  if (bytes.readUInt32BE(at) === from) bytes.writeUInt32BE(to, at)
}
