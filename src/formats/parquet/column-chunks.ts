import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { type Leaf, PHYSICAL } from './parquet-schema.ts'
import { CODEC, ENCODING, PagesCopy } from './plain-pages.ts'
import {
  i32,
  i64,
  list,
  readInt,
  readList,
  readStruct,
  struct,
  THRIFT,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts'

const ROW_GROUP = { columns: 1, rows: 3 } as const
const CHUNK = { metadata: 3, indexes: [4, 5, 6, 7], encryption: 8 } as const
const METADATA = {
  encodings: 2,
  codec: 4,
  uncompressedSize: 6,
  compressedSize: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  encodingStatistics: 13,
} as const

/** Some row groups, and where in the file all of them are: before `end`, and behind that of the part before. */
export interface FilePart {
  readonly groups: readonly ThriftValue[]
  readonly end: number
}

/**
 * Row groups that can be read one after the other while the next ones have not come yet: each part has `leastBytes`, but
 * the last. Where row groups do not stand one behind the other, they are in one part.
 * @param leaves the column chunks of each @throws PgError, ThriftError
 */
export function partsOf(
  groups: readonly ThriftValue[],
  leaves: readonly Leaf[],
  end: number,
  leastBytes: number,
): FilePart[] {
  const places = groups.map(group => placeOf(group, leaves))
  const starts = places.map(({ start }) => start)
  for (let i = starts.length - 2; i >= 0; i--) starts[i] = Math.min(starts[i] as number, starts[i + 1] as number)
  const parts: FilePart[] = []
  let begun = 0
  let from = 0
  let reached = 0
  for (const [i, start] of starts.entries()) {
    if (start >= from + leastBytes && start >= reached && start <= end && i > begun) {
      parts.push({ groups: groups.slice(begun, i), end: start })
      begun = i
      from = start
    }
    reached = Math.max(reached, (places[i] as { end: number }).end)
  }
  return [...parts, { groups: groups.slice(begun), end }]
}

function placeOf(group: ThriftValue, leaves: readonly Leaf[]): { start: number; end: number } {
  let start = Number.POSITIVE_INFINITY
  let end = 0
  for (const [i, value] of readList(readStruct(group).get(ROW_GROUP.columns)).entries()) {
    const chunk = readStruct(value)
    if (chunk.has(CHUNK.encryption)) throw encrypted(leaves[i]?.column)
    const metadata = readStruct(chunk.get(CHUNK.metadata))
    const first = firstPageOf(metadata)
    start = Math.min(start, first)
    end = Math.max(end, first + (readInt(metadata.get(METADATA.compressedSize)) ?? 0))
  }
  return { start, end }
}

export const rowsOf = (group: ThriftValue): number => readInt(readStruct(group).get(ROW_GROUP.rows)) ?? 0

/** Row groups with what the engine cannot decode as plain pages, at the file's new end. @throws PgError, ThriftError */
export function rewriteChunks(fd: number, groups: readonly ThriftValue[], leaves: readonly Leaf[]): ThriftValue[] {
  const copy = new PagesCopy(fd)
  return groups.map(value => {
    const group = readStruct(value)
    let changed = false
    const chunks = readList(group.get(ROW_GROUP.columns)).map((chunkValue, i) => {
      const chunk = readStruct(chunkValue)
      const leaf = leaves[i]
      const metadata = readStruct(chunk.get(CHUNK.metadata))
      if (leaf === undefined || isReadable(metadata, leaf)) return chunkValue
      changed = true
      return struct(rewriteChunk(chunk, metadata, leaf, copy))
    })
    return changed ? struct(group.set(ROW_GROUP.columns, list(THRIFT.struct, chunks))) : value
  })
}

function isReadable(metadata: ThriftStruct, { physicalType }: Leaf): boolean {
  const codec = readInt(metadata.get(METADATA.codec))
  if (codec === CODEC.lz4 || codec === CODEC.lzo) return false
  if (physicalType === PHYSICAL.float || physicalType === PHYSICAL.double) return true
  return !readList(metadata.get(METADATA.encodings)).some(value => readInt(value) === ENCODING.byteStreamSplit)
}

function rewriteChunk(chunk: ThriftStruct, metadata: ThriftStruct, leaf: Leaf, copy: PagesCopy): ThriftStruct {
  const pages = copy.rewrite(firstPageOf(metadata), readInt(metadata.get(METADATA.compressedSize)) ?? 0, {
    codec: readInt(metadata.get(METADATA.codec)) ?? 0,
    leaf,
  })
  metadata.set(METADATA.codec, i32(CODEC.none))
  const encodings = readList(metadata.get(METADATA.encodings)).map(readInt)
  const plain = encodings.map(encoding => i32(encoding === ENCODING.byteStreamSplit ? ENCODING.plain : (encoding ?? 0)))
  metadata.set(METADATA.encodings, list(THRIFT.i32, plain))
  metadata.set(METADATA.uncompressedSize, i64(pages.length)).set(METADATA.compressedSize, i64(pages.length))
  metadata.set(METADATA.dataPage, i64(pages.dataPage))
  metadata.delete(METADATA.indexPage)
  metadata.delete(METADATA.encodingStatistics)
  if (pages.dictionaryPage === undefined) metadata.delete(METADATA.dictionaryPage)
  else metadata.set(METADATA.dictionaryPage, i64(pages.dictionaryPage))
  for (const index of CHUNK.indexes) chunk.delete(index)
  return chunk.set(CHUNK.metadata, struct(metadata))
}

function firstPageOf(metadata: ThriftStruct): number {
  const dataPage = readInt(metadata.get(METADATA.dataPage)) ?? 0
  // Some writers say 0 where there is none.
  return Math.min(dataPage, readInt(metadata.get(METADATA.dictionaryPage)) || dataPage)
}

export const encrypted = (column?: string): PgError =>
  new PgError({
    message: 'azure_storage: the Parquet file is encrypted',
    code: SQLSTATE.featureNotSupported,
    detail: column === undefined ? 'Its footer is.' : `Column "${column}" is.`,
  })
