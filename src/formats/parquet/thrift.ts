/*
 * Thrift's compact protocol, as far as Parquet's metadata needs it. A value stays the bytes that it was read from until
 * somebody asks for it: so what is not understood is written again as it came.
 */

export const THRIFT = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const

export interface ThriftValue {
  readonly type: number
  /** None of a boolean: its type says all. */
  readonly bytes: Buffer
}

/** By their field numbers. */
export type ThriftStruct = Map<number, ThriftValue>

export class ThriftError extends Error {
  override readonly name = 'ThriftError'
}

const MAX_DEPTH = 64

/** The struct that begins at `start`, and where it ends. @throws ThriftError */
export function readStructAt(bytes: Buffer, start: number): { fields: ThriftStruct; end: number } {
  const fields: ThriftStruct = new Map()
  const end = scanStruct(bytes, start, 0, (id, type, from, to) =>
    fields.set(id, { type, bytes: bytes.subarray(from, to) }),
  )
  return { fields, end }
}

/** Of a struct of which only the begin is there, the fields that are whole. @throws ThriftError */
export function readFirstFields(bytes: Buffer): ThriftStruct {
  const fields: ThriftStruct = new Map()
  try {
    scanStruct(bytes, 0, 0, (id, type, from, to) => fields.set(id, { type, bytes: bytes.subarray(from, to) }))
  } catch (error) {
    if (!(error instanceof ThriftError) || fields.size === 0) throw error
  }
  return fields
}

/** @throws ThriftError */
export const readStruct = (value: ThriftValue | undefined): ThriftStruct =>
  readStructAt(expected(value, THRIFT.struct), 0).fields

/** @throws ThriftError */
export function readList(value: ThriftValue | undefined, most = Number.POSITIVE_INFINITY): ThriftValue[] {
  const bytes = expected(value, THRIFT.list)
  const { type, size, start } = readListHeader(bytes, 0)
  if (size > most) throw new ThriftError(`a list of more than ${most} items`)
  const items: ThriftValue[] = []
  for (let i = 0, at = start; i < size; i++) {
    const end = skipItem(bytes, at, type, 0)
    items.push({ type, bytes: bytes.subarray(at, end) })
    at = end
  }
  return items
}

/** Undefined: the field is not there. @throws ThriftError */
export function readInt(value: ThriftValue | undefined): number | undefined {
  if (value === undefined) return undefined
  if (value.type === THRIFT.byte) return value.bytes.readInt8()
  const [unsigned] = readVarint(value.bytes, 0)
  const signed = (unsigned >> 1n) ^ -(unsigned & 1n)
  return Number(signed)
}

export const readText = (value: ThriftValue | undefined): string => readBinary(value).toString()

/** @throws ThriftError */
export function readBinary(value: ThriftValue | undefined): Buffer {
  const bytes = expected(value, THRIFT.binary)
  const [, start] = readVarint(bytes, 0)
  return bytes.subarray(start)
}

export const boolean = (value: boolean): ThriftValue => ({
  type: value ? THRIFT.true : THRIFT.false,
  bytes: Buffer.alloc(0),
})

export const i32 = (value: number): ThriftValue => ({ type: THRIFT.i32, bytes: zigzag(value) })

export const i64 = (value: number): ThriftValue => ({ type: THRIFT.i64, bytes: zigzag(value) })

export function binary(text: string): ThriftValue {
  const bytes = Buffer.from(text)
  return { type: THRIFT.binary, bytes: Buffer.concat([varint(BigInt(bytes.length)), bytes]) }
}

export function list(type: number, items: readonly ThriftValue[]): ThriftValue {
  const header =
    items.length < 15 ? Buffer.of((items.length << 4) | type) : [Buffer.of(0xf0 | type), varint(BigInt(items.length))]
  return { type: THRIFT.list, bytes: Buffer.concat([header, items.map(({ bytes }) => bytes)].flat(2)) }
}

export const struct = (fields: ThriftStruct): ThriftValue => ({ type: THRIFT.struct, bytes: writeStruct(fields) })

export function writeStruct(fields: ThriftStruct): Buffer {
  const parts: Buffer[] = []
  let last = 0
  for (const [id, { type, bytes }] of [...fields].sort(([a], [b]) => a - b)) {
    const delta = id - last
    parts.push(delta > 0 && delta < 16 ? Buffer.of((delta << 4) | type) : Buffer.concat([Buffer.of(type), zigzag(id)]))
    parts.push(bytes)
    last = id
  }
  return Buffer.concat([...parts, Buffer.of(0)])
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.of(...bytes, Number(rest))
}

function zigzag(value: number): Buffer {
  const wide = BigInt(value)
  return varint(wide < 0n ? -2n * wide - 1n : 2n * wide)
}

function expected(value: ThriftValue | undefined, type: number): Buffer {
  if (value?.type !== type) throw new ThriftError(`a field of type ${value?.type ?? 'none'} and not ${type}`)
  return value.bytes
}

type OnField = (id: number, type: number, start: number, end: number) => void

/** @returns where the struct ends */
function scanStruct(bytes: Buffer, start: number, depth: number, onField?: OnField): number {
  if (depth > MAX_DEPTH) throw new ThriftError('nested too deep')
  let at = start
  let id = 0
  for (;;) {
    const header = byteAt(bytes, at++)
    const type = header & 0x0f
    if (type === 0) return at
    if (header >> 4 > 0) {
      id += header >> 4
    } else {
      const [unsigned, next] = readVarint(bytes, at)
      id = Number((unsigned >> 1n) ^ -(unsigned & 1n))
      at = next
    }
    const end = type === THRIFT.true || type === THRIFT.false ? at : skipItem(bytes, at, type, depth)
    onField?.(id, type, at, end)
    at = end
  }
}

/** @returns where the value ends */
function skipItem(bytes: Buffer, at: number, type: number, depth: number): number {
  switch (type) {
    case THRIFT.true:
    case THRIFT.false:
    case THRIFT.byte:
      return within(bytes, at + 1)
    case THRIFT.i16:
    case THRIFT.i32:
    case THRIFT.i64:
      return skipVarint(bytes, at)
    case THRIFT.double:
      return within(bytes, at + 8)
    case THRIFT.binary: {
      const [length, start] = readVarint(bytes, at)
      return within(bytes, start + Number(length))
    }
    case THRIFT.list:
    case THRIFT.set: {
      const { type: itemType, size, start } = readListHeader(bytes, at)
      let end = start
      for (let i = 0; i < size; i++) end = skipItem(bytes, end, itemType, depth + 1)
      return end
    }
    case THRIFT.map: {
      const [size, start] = readVarint(bytes, at)
      if (size === 0n) return start
      const types = byteAt(bytes, start)
      let end = start + 1
      for (let i = 0n; i < size; i++) {
        end = skipItem(bytes, skipItem(bytes, end, types >> 4, depth + 1), types & 0x0f, depth + 1)
      }
      return end
    }
    case THRIFT.struct:
      return scanStruct(bytes, at, depth + 1)
    default:
      throw new ThriftError(`a value of type ${type}`)
  }
}

function readListHeader(bytes: Buffer, at: number): { type: number; size: number; start: number } {
  const header = byteAt(bytes, at)
  if (header >> 4 < 15) return { type: header & 0x0f, size: header >> 4, start: at + 1 }
  const [size, start] = readVarint(bytes, at + 1)
  return { type: header & 0x0f, size: Number(size), start }
}

/** The number without its sign, and where it ends. */
function readVarint(bytes: Buffer, at: number): [value: bigint, end: number] {
  const end = skipVarint(bytes, at)
  // Nearly all are small.
  if (end === at + 1) return [BigInt(bytes[at] as number), end]
  let value = 0n
  for (let i = end - 1; i >= at; i--) value = (value << 7n) | BigInt((bytes[i] as number) & 0x7f)
  return [value, end]
}

function skipVarint(bytes: Buffer, at: number): number {
  let end = at
  while (byteAt(bytes, end++) >= 0x80) {
    if (end - at === 10) throw new ThriftError('a number of more than ten bytes')
  }
  return end
}

const byteAt = (bytes: Buffer, at: number): number => bytes[within(bytes, at + 1) - 1] as number

function within(bytes: Buffer, end: number): number {
  if (end > bytes.length) throw new ThriftError('it ends early')
  return end
}
