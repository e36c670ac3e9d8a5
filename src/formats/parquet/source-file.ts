import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { ARROW_SCHEMA_KEY, type ArrowKind, readArrowSchema } from './arrow-schema.ts'
import { encrypted, rewriteChunks } from './column-chunks.ts'
import { invalid, readAt } from './file-bytes.ts'
import { countLeaves, type Leaf, readSchema } from './parquet-schema.ts'
import { readList, readStruct, readStructAt, readText, ThriftError, type ThriftStruct, writeStruct } from './thrift.ts'

/*
 * What of a file is given to the engine: behind its end comes a second footer, and the end is where the engine looks for
 * one. What the first says of the rows still holds.
 */

const MAGIC = 'PAR1'
const ENCRYPTED_MAGIC = 'PARE'
/** The length of the footer, and the magic. */
export const TAIL_BYTES = 8
const MAX_FOOTER_BYTES = 512 * 1024 * 1024
export const FOOTER = { schema: 2, rowGroups: 4, metadata: 5, encryption: 8, signingKey: 9 } as const
const KEY_VALUE = { key: 1, value: 2 } as const

export interface PreparedFile {
  /** Of the schema's elements: the number in an engine's name says which. */
  readonly names: readonly string[]
  readonly leaves: readonly Leaf[]
}

/** Makes the file at `path`, which is ours to write to, one that the engine reads as it is meant. @throws PgError */
export function prepareSource(path: string): PreparedFile {
  const fd = openSync(path, 'r+')
  try {
    const footer = readFooter(fd)
    const { names, leaves, chunks, rewritten } = readSchema(footer.get(FOOTER.schema), arrowKinds(footer))
    footer.set(FOOTER.schema, rewritten)
    const rowGroups = rewriteChunks(fd, footer.get(FOOTER.rowGroups), chunks)
    if (rowGroups !== undefined) footer.set(FOOTER.rowGroups, rowGroups)
    // No column is encrypted: all that they say is that the footer is signed.
    footer.delete(FOOTER.encryption)
    footer.delete(FOOTER.signingKey)
    appendFooter(fd, footer)
    return { names, leaves }
  } catch (error) {
    if (error instanceof ThriftError) throw invalid(`Its metadata cannot be read: ${error.message}.`)
    throw error
  } finally {
    closeSync(fd)
  }
}

function readFooter(fd: number): ThriftStruct {
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
  return readStructAt(readAt(fd, size - TAIL_BYTES - length, length), 0).fields
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
