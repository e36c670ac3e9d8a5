import { fstatSync, writeSync } from 'node:fs'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { decompressLz4, decompressLz4Raw, decompressSnappy, decompressZstd } from 'hyparquet-compressors'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { invalid, readAt } from './file-bytes.ts'
import type { Leaf } from './parquet-schema.ts'
import {
  boolean,
  i32,
  readInt,
  readStruct,
  readStructAt,
  struct,
  ThriftError,
  type ThriftStruct,
  writeStruct,
} from './thrift.ts'

export const CODEC = { none: 0, snappy: 1, gzip: 2, lzo: 3, brotli: 4, lz4: 5, zstd: 6, lz4Raw: 7 } as const
export const ENCODING = { plain: 0, bitPacked: 4, byteStreamSplit: 9 } as const

const PAGE = { data: 0, dictionary: 2, dataV2: 3 } as const
const HEADER = { type: 1, uncompressedSize: 2, compressedSize: 3, checksum: 4, data: 5, dataV2: 8 } as const
const DATA = { encoding: 2, statistics: 5 } as const
const DATA_V2 = { encoding: 4, definitionBytes: 5, repetitionBytes: 6, isCompressed: 7, statistics: 8 } as const

/** A header has statistics, and so values. */
const HEADER_BYTES = 64 * 1024
const MAX_HEADER_BYTES = 16 * 1024 * 1024
const MAX_PAGE_BYTES = 256 * 1024 * 1024
/** Compressed bytes of few may become any number. */
const MAX_COPIED_BYTES = 16 * 1024 * 1024 * 1024

export interface Pages {
  readonly length: number
  readonly dataPage: number
  readonly dictionaryPage: number | undefined
}

/** Copies pages to the end of their file, without compression and with plain values instead of split ones. */
export class PagesCopy {
  readonly #fd: number
  #end: number
  #copied = 0

  constructor(fd: number) {
    this.#fd = fd
    this.#end = fstatSync(fd).size
  }

  /** The pages of a column chunk. @throws PgError, ThriftError */
  rewrite(start: number, length: number, source: { codec: number; leaf: Leaf }): Pages {
    const begin = this.#end
    const places = new Map<number, number>()
    for (let at = start; at < start + length; ) {
      const { fields, bytes } = this.#readHeader(at, start + length)
      const size = sizeOf(fields, HEADER.compressedSize)
      const body = readAt(this.#fd, at + bytes, size)
      at += bytes + size
      const type = readInt(fields.get(HEADER.type)) ?? -1
      if (!places.has(type)) places.set(type, this.#end)
      this.#append(plainPage(fields, type, body, source))
    }
    const dataPage = places.get(PAGE.data) ?? places.get(PAGE.dataV2) ?? begin
    return { length: this.#end - begin, dataPage, dictionaryPage: places.get(PAGE.dictionary) }
  }

  #readHeader(at: number, end: number): { fields: ThriftStruct; bytes: number } {
    for (let length = HEADER_BYTES; ; length *= 16) {
      const bytes = readAt(this.#fd, at, Math.min(length, end - at))
      try {
        const { fields, end: headerBytes } = readStructAt(bytes, 0)
        return { fields, bytes: headerBytes }
      } catch (error) {
        if (!(error instanceof ThriftError) || length >= MAX_HEADER_BYTES || bytes.length < length) throw error
      }
    }
  }

  #append(page: Buffer): void {
    this.#copied += page.length
    if (this.#copied > MAX_COPIED_BYTES) throw tooLarge('The pages of all columns', MAX_COPIED_BYTES)
    for (let written = 0; written < page.length; ) {
      const count = writeSync(this.#fd, page, written, page.length - written, this.#end)
      written += count
      this.#end += count
    }
  }
}

function plainPage(
  header: ThriftStruct,
  type: number,
  body: Buffer,
  { codec, leaf }: { codec: number; leaf: Leaf },
): Buffer {
  const size = sizeOf(header, HEADER.uncompressedSize)
  const page = type === PAGE.dataV2 ? plainDataV2(header, body, size, codec, leaf) : decompress(body, size, codec)
  const plain = type === PAGE.data ? plainData(header, page, leaf) : page
  header.set(HEADER.uncompressedSize, i32(plain.length)).set(HEADER.compressedSize, i32(plain.length))
  header.delete(HEADER.checksum)
  return Buffer.concat([writeStruct(header), plain])
}

function plainData(header: ThriftStruct, page: Buffer, leaf: Leaf): Buffer {
  const data = readStruct(header.get(HEADER.data))
  if (readInt(data.get(DATA.encoding)) !== ENCODING.byteStreamSplit) return page
  header.set(HEADER.data, struct(data.set(DATA.encoding, i32(ENCODING.plain))))
  // Levels of either sort have their length before them.
  let start = 0
  if (leaf.hasRepetitionLevels) start += 4 + lengthAt(page, start)
  if (leaf.hasDefinitionLevels) start += 4 + lengthAt(page, start)
  return joined(page, start, leaf)
}

function plainDataV2(header: ThriftStruct, body: Buffer, size: number, codec: number, leaf: Leaf): Buffer {
  const data = readStruct(header.get(HEADER.dataV2))
  const levels = sizeOf(data, DATA_V2.definitionBytes) + sizeOf(data, DATA_V2.repetitionBytes)
  if (levels > size || levels > body.length) throw invalid('A page ends early.')
  const isCompressed = data.get(DATA_V2.isCompressed) === undefined || data.get(DATA_V2.isCompressed)?.type === 1
  const values = body.subarray(levels)
  const plain = isCompressed ? decompress(values, size - levels, codec) : values
  const page = Buffer.concat([body.subarray(0, levels), plain])
  const isSplit = readInt(data.get(DATA_V2.encoding)) === ENCODING.byteStreamSplit
  if (isSplit) data.set(DATA_V2.encoding, i32(ENCODING.plain))
  header.set(HEADER.dataV2, struct(data.set(DATA_V2.isCompressed, boolean(false))))
  return isSplit ? joined(page, levels, leaf) : page
}

/** The values behind `start` have been split: all their first bytes come first, then all second ones … */
function joined(page: Buffer, start: number, { width = 0, column }: Leaf): Buffer {
  const count = (page.length - start) / width
  if (!(width > 0) || !Number.isInteger(count) || count < 0) throw invalid(`A page of column "${column}" ends early.`)
  const plain = Buffer.from(page)
  let at = start
  for (let byte = 0; byte < width; byte++) {
    for (let i = 0; i < count; i++) plain[start + i * width + byte] = page[at++] as number
  }
  return plain
}

function decompress(bytes: Buffer, size: number, codec: number): Buffer {
  if (size === 0) return Buffer.alloc(0)
  const plain = asBuffer(decompressed(bytes, size, codec))
  if (plain.length !== size) throw invalid('A page has another size than its header says.')
  return plain
}

function decompressed(bytes: Buffer, size: number, codec: number): Uint8Array {
  try {
    switch (codec) {
      case CODEC.none:
        return bytes
      case CODEC.snappy:
        return decompressSnappy(bytes, size)
      case CODEC.gzip:
        return gunzipSync(bytes, { maxOutputLength: size })
      case CODEC.brotli:
        return brotliDecompressSync(bytes, { maxOutputLength: size })
      case CODEC.lz4:
        return decompressLz4(bytes, size)
      case CODEC.zstd:
        return decompressZstd(bytes, new Uint8Array(size))
      case CODEC.lz4Raw:
        return decompressLz4Raw(bytes, size)
    }
  } catch (error) {
    throw invalid(`A page cannot be decompressed: ${(error as Error).message}.`)
  }
  if (codec !== CODEC.lzo) throw invalid(`There is no compression of number ${codec}.`)
  throw new PgError({
    message: 'azure_storage: the Parquet file has a compression that is not supported',
    code: SQLSTATE.featureNotSupported,
    detail: 'It is LZO.',
  })
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)

function sizeOf(fields: ThriftStruct, field: number): number {
  const size = readInt(fields.get(field)) ?? 0
  if (size < 0) throw invalid('A page has less than no bytes.')
  if (size > MAX_PAGE_BYTES) throw tooLarge('A page', MAX_PAGE_BYTES)
  return size
}

function lengthAt(page: Buffer, at: number): number {
  if (at + 4 > page.length) throw invalid('A page ends early.')
  return page.readUInt32LE(at)
}

function tooLarge(what: string, limit: number): PgError {
  return new PgError({
    message: 'azure_storage: the Parquet file is too large to be decoded',
    code: SQLSTATE.programLimitExceeded,
    detail: `${what} would have more than ${limit} bytes.`,
  })
}
