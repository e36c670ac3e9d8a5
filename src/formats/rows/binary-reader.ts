import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { rowTooLarge } from './row-errors.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const OID_FLAG = 1 << 16
const END = -1
const NULL_FIELD = -1

/** The fields of a row, null for NULL. */
export type BinaryRow = readonly (Buffer | null)[]

/** Where a row of a binary file, or one of its fields, is in COPY's own words. */
export const binaryPlace = (line: number, column?: number): string =>
  `COPY blob, line ${line}${column === undefined ? '' : `, column ${column}`}`

/**
 * The rows of a file in COPY's binary format, with COPY's errors: for where COPY itself cannot be had. What the fields
 * mean is the server's to say. Source: commands/copyfromparse.c.
 */
export class BinaryReader {
  /** The row that was read last, or is being read. */
  line = 0
  readonly #columns: number
  readonly #maxRowBytes: number
  readonly #rows: Generator<BinaryRow | undefined, void>
  #chunks: Buffer[] = []
  #length = 0
  #rowBytes = 0
  #ended = false

  constructor(columns: number, maxRowBytes: number) {
    this.#columns = columns
    this.#maxRowBytes = maxRowBytes
    this.#rows = this.#read()
  }

  /** What is kept of the row that has begun. */
  get heldBytes(): number {
    return this.#rowBytes + this.#length
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** No more comes. */
  end(): void {
    this.#ended = true
  }

  /** The next row; undefined when it needs more bytes, or there are none. @throws PgError */
  next(): BinaryRow | undefined {
    return this.#rows.next().value ?? undefined
  }

  *#read(): Generator<BinaryRow | undefined, void> {
    yield* this.#header()
    for (;;) {
      this.line++
      const count = (yield* this.#take(2))?.readInt16BE()
      if (count === undefined) return
      if (count === END) break
      if (count !== this.#columns) throw badFile(`row field count is ${count}, expected ${this.#columns}`, this.line)
      const row: (Buffer | null)[] = []
      for (let column = 1; column <= count; column++) row.push(yield* this.#field(column))
      this.#rowBytes = 0
      yield row
    }
    if ((yield* this.#take(1)) !== undefined) throw badFile('received copy data after EOF marker', this.line)
  }

  *#header(): Generator<undefined, void> {
    const signature = yield* this.#take(SIGNATURE.length)
    if (!signature?.equals(SIGNATURE)) throw badFile('COPY file signature not recognized')
    const flags = (yield* this.#take(4))?.readInt32BE()
    if (flags === undefined) throw badFile('invalid COPY file header (missing flags)')
    if (flags & OID_FLAG) throw badFile('invalid COPY file header (WITH OIDS)')
    if (flags >> 16 !== 0) throw badFile('unrecognized critical flags in COPY file header')
    const length = (yield* this.#take(4))?.readInt32BE()
    if (length === undefined || length < 0) throw badFile('invalid COPY file header (missing length)')
    for (let left = length; left > 0; ) {
      const skipped = yield* this.#take(Math.min(left, Math.max(1, this.#length)))
      if (skipped === undefined) throw badFile('invalid COPY file header (wrong length)')
      left -= skipped.length
    }
  }

  *#field(column: number): Generator<undefined, Buffer | null> {
    const length = (yield* this.#take(4))?.readInt32BE()
    if (length === NULL_FIELD) return null
    if (length !== undefined && length < 0) throw badFile('invalid field size', this.line, column)
    const field = length === undefined ? undefined : yield* this.#take(length)
    if (field === undefined) throw badFile('unexpected EOF in COPY data', this.line, column)
    this.#rowBytes += field.length
    return field
  }

  /** The next bytes; undefined if the file ends before. */
  *#take(length: number): Generator<undefined, Buffer | undefined> {
    while (this.#length < length) {
      // As long as in hexadecimal.
      if (2 * this.heldBytes > this.#maxRowBytes) throw rowTooLarge(this.#maxRowBytes, this.line)
      if (this.#ended) return undefined
      yield undefined
    }
    this.#length -= length
    const first = this.#chunks[0]
    if (first === undefined || first.length < length) {
      const all = Buffer.concat(this.#chunks)
      this.#chunks = [all.subarray(length)]
      return all.subarray(0, length)
    }
    this.#chunks[0] = first.subarray(length)
    if (first.length === length) this.#chunks.shift()
    return first.subarray(0, length)
  }
}

const badFile = (message: string, line?: number, column?: number): PgError =>
  new PgError({
    message,
    code: SQLSTATE.badCopyFileFormat,
    context: line === undefined ? undefined : binaryPlace(line, column),
  })
