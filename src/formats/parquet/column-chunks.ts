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

const ROW_GROUP_COLUMNS = 1
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

/**
 * The row groups with what the engine cannot decode as plain pages, at the file's new end. Undefined: it can decode all.
 * @param leaves the column chunks of each @throws PgError, ThriftError
 */
export function rewriteChunks(
  fd: number,
  rowGroups: ThriftValue | undefined,
  leaves: readonly Leaf[],
): ThriftValue | undefined {
  const copy = new PagesCopy(fd)
  let changed = false
  const groups = readList(rowGroups).map(value => {
    const group = readStruct(value)
    let groupChanged = false
    const chunks = readList(group.get(ROW_GROUP_COLUMNS)).map((chunkValue, i) => {
      const chunk = readStruct(chunkValue)
      const leaf = leaves[i]
      if (chunk.has(CHUNK.encryption)) throw encrypted(leaf?.column)
      const metadata = readStruct(chunk.get(CHUNK.metadata))
      if (leaf === undefined || isReadable(metadata, leaf)) return chunkValue
      groupChanged = true
      return struct(rewriteChunk(chunk, metadata, leaf, copy))
    })
    if (!groupChanged) return value
    changed = true
    return struct(group.set(ROW_GROUP_COLUMNS, list(THRIFT.struct, chunks)))
  })
  return changed ? list(THRIFT.struct, groups) : undefined
}

function isReadable(metadata: ThriftStruct, { physicalType }: Leaf): boolean {
  const codec = readInt(metadata.get(METADATA.codec))
  if (codec === CODEC.lz4 || codec === CODEC.lzo) return false
  if (physicalType === PHYSICAL.float || physicalType === PHYSICAL.double) return true
  return !readList(metadata.get(METADATA.encodings)).some(value => readInt(value) === ENCODING.byteStreamSplit)
}

function rewriteChunk(chunk: ThriftStruct, metadata: ThriftStruct, leaf: Leaf, copy: PagesCopy): ThriftStruct {
  const dataPage = readInt(metadata.get(METADATA.dataPage)) ?? 0
  // Some writers say 0 where there is none.
  const dictionaryPage = readInt(metadata.get(METADATA.dictionaryPage)) || dataPage
  const start = Math.min(dataPage, dictionaryPage)
  const pages = copy.rewrite(start, readInt(metadata.get(METADATA.compressedSize)) ?? 0, {
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

export const encrypted = (column?: string): PgError =>
  new PgError({
    message: 'azure_storage: the Parquet file is encrypted',
    code: SQLSTATE.featureNotSupported,
    detail: column === undefined ? 'Its footer is.' : `Column "${column}" is.`,
  })
