import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { ARROW_SCHEMA_KEY, type ArrowKind, readArrowSchema } from './arrow-schema.ts'
import { encrypted, type FilePart, partsOf, rewriteChunks, rowsOf } from './column-chunks.ts'
import { invalid, readAt } from './file-bytes.ts'
import { countLeaves, type Leaf, readSchema } from './parquet-schema.ts'
import {
  i64,
  list,
  readList,
  readStruct,
  readStructAt,
  readText,
  THRIFT,
  ThriftError,
  type ThriftStruct,
  type ThriftValue,
  writeStruct,
} from './thrift.ts'

/*
 * What of a file is given to the engine: behind its end comes another footer, and the end is where the engine looks for
 * one. What the first says of the rows still holds.
 */

const MAGIC = 'PAR1'
const ENCRYPTED_MAGIC = 'PARE'
/** The length of the footer, and the magic. */
export const TAIL_BYTES = 8
const MAX_FOOTER_BYTES = 512 * 1024 * 1024
export const FOOTER = { schema: 2, rows: 3, rowGroups: 4, metadata: 5, encryption: 8, signingKey: 9 } as const
const KEY_VALUE = { key: 1, value: 2 } as const

/** What is read at a time, at least. */
const PART_BYTES = 8 * 1024 * 1024

/**
 * A file that is ours to write to, which the engine is to read as it is meant, part by part. At first only its footer has
 * to be there.
 */
export class SourceFile {
  /** Of the schema's elements: the number in an engine's name says which. */
  readonly names: readonly string[]
  readonly leaves: readonly Leaf[]
  /** For each part, where the bytes end that it needs; they begin where those of the one before end. */
  readonly ends: readonly number[]
  readonly #path: string
  readonly #footer: ThriftStruct
  readonly #chunks: readonly Leaf[]
  readonly #parts: readonly FilePart[]

  /** The engine finds columns in it from now on, and no rows. @throws PgError */
  constructor(path: string) {
    this.#path = path
    const { footer, start } = this.#change(fd => readFooter(fd))
    this.#footer = footer
    const { names, leaves, chunks, rewritten } = inFooter(() =>
      readSchema(footer.get(FOOTER.schema), arrowKinds(footer)),
    )
    this.names = names
    this.leaves = leaves
    this.#chunks = chunks
    footer.set(FOOTER.schema, rewritten)
    // No column is encrypted: all that they say is that the footer is signed.
    footer.delete(FOOTER.encryption)
    footer.delete(FOOTER.signingKey)
    this.#parts = inFooter(() => partsOf(readList(footer.get(FOOTER.rowGroups)), chunks, start, PART_BYTES))
    this.ends = this.#parts.map(({ end }) => end)
    this.#change(fd => this.#appendFooter(fd, []))
  }

  /** The engine finds the rows of a part, whose bytes are at the path now. @throws PgError */
  use(part: number): void {
    const { groups } = this.#parts[part] as FilePart
    this.#change(fd => this.#appendFooter(fd, rewriteChunks(fd, groups, this.#chunks)))
  }

  #appendFooter(fd: number, groups: readonly ThriftValue[]): void {
    const rows = groups.reduce((sum, group) => sum + rowsOf(group), 0)
    const footer: ThriftStruct = new Map(this.#footer)
    footer.set(FOOTER.rowGroups, list(THRIFT.struct, groups)).set(FOOTER.rows, i64(rows))
    appendFooter(fd, footer)
  }

  #change<T>(work: (fd: number) => T): T {
    const fd = openSync(this.#path, 'r+')
    try {
      return inFooter(() => work(fd))
    } finally {
      closeSync(fd)
    }
  }
}

/** @throws PgError */
function inFooter<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof ThriftError) throw invalid(`Its metadata cannot be read: ${error.message}.`)
    throw error
  }
}

/** How many bytes at the end of a file its footer takes; undefined: they do not tell. */
export function footerBytes(end: Buffer, size: number): number | undefined {
  const tail = end.subarray(-TAIL_BYTES)
  if (tail.length < TAIL_BYTES || tail.toString('latin1', 4) !== MAGIC) return undefined
  const bytes = tail.readUInt32LE() + TAIL_BYTES
  return bytes > Math.min(size, MAX_FOOTER_BYTES) ? undefined : bytes
}

function readFooter(fd: number): { footer: ThriftStruct; start: number } {
  const { size } = fstatSync(fd)
  if (size < MAGIC.length + TAIL_BYTES) throw invalid('It is too small.')
  const tail = readAt(fd, size - TAIL_BYTES, TAIL_BYTES)
  const magic = tail.toString('latin1', 4)
  if (magic === ENCRYPTED_MAGIC && readAt(fd, 0, 4).toString('latin1') === ENCRYPTED_MAGIC) throw encrypted()
  const length = tailLength(tail, size)
  if (length > MAX_FOOTER_BYTES) {
    throw new PgError({
      message: 'azure_storage: the footer of the Parquet file is too large',
      code: SQLSTATE.programLimitExceeded,
      detail: `It has ${length} bytes, the limit is ${MAX_FOOTER_BYTES}.`,
    })
  }
  const start = size - TAIL_BYTES - length
  return { footer: readStructAt(readAt(fd, start, length), 0).fields, start }
}

/** How long the footer is before the file's tail. @throws PgError */
export function tailLength(tail: Buffer, size: number): number {
  if (tail.toString('latin1', 4) !== MAGIC) throw invalid('It does not end as one does.')
  const length = tail.readUInt32LE()
  if (length > size - TAIL_BYTES - MAGIC.length) throw invalid('Its footer would begin before the file does.')
  return length
}

function appendFooter(fd: number, footer: ThriftStruct): void {
  const bytes = writeStruct(footer)
  const tail = Buffer.alloc(TAIL_BYTES, MAGIC)
  tail.writeUInt32LE(bytes.length)
  tail.write(MAGIC, 4, 'latin1')
  writeSync(fd, Buffer.concat([bytes, tail]), 0, bytes.length + TAIL_BYTES, fstatSync(fd).size)
}

function arrowKinds(footer: ThriftStruct): readonly ArrowKind[] {
  const metadata = footer.get(FOOTER.metadata)
  if (metadata === undefined) return []
  const entry = readList(metadata)
    .map(readStruct)
    .find(pair => readText(pair.get(KEY_VALUE.key)) === ARROW_SCHEMA_KEY)
  const schema = entry?.get(KEY_VALUE.value)
  return schema === undefined ? [] : readArrowSchema(readText(schema), countLeaves(footer.get(FOOTER.schema)))
}
