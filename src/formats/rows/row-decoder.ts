import type { DataRowWriter } from './data-row-writer.ts'

/** The bytes of a blob → rows, which appear in the DataRowWriter it was made with. Throws PgError. */
export interface RowDecoder {
  push(chunk: Buffer): void
  end(): void
}

/** One format's share of a RowDecoder: it gets bytes that are valid in their encoding. */
export interface RowScanner {
  /** The line that is being read, or comes next. */
  readonly line: number
  /**
   * Reads `bytes` from `start` on and returns where it stopped: it may leave the last bytes, at most LOOKAHEAD, to see
   * them again with what follows them. With `final` there is nothing to follow.
   */
  scan(bytes: Buffer, start: number, final: boolean): number
  /** After the last scan. */
  finish(): void
}

export const LOOKAHEAD = 8

export interface RowShape {
  /** As errors name them. */
  readonly columns: readonly string[]
  /** Puts the line where the row begins before the columns. */
  readonly withLine: boolean
}

const DATA_ROW = 'D'.charCodeAt(0)
const HEADER_BYTES = 7
const LENGTH_BYTES = 4
const LINE_BYTES = LENGTH_BYTES + 16

/** What a row of this shape takes in a DataRowWriter beside the bytes of its values. */
export const rowOverhead = ({ columns }: RowShape): number => HEADER_BYTES + LINE_BYTES + columns.length * LENGTH_BYTES

/** Begins a message at `at`, where there is room for it; returns where its first column goes. */
export function beginRow(out: Buffer, at: number, { columns, withLine }: RowShape, line: number): number {
  const count = columns.length + (withLine ? 1 : 0)
  out[at] = DATA_ROW
  out[at + 5] = count >>> 8
  out[at + 6] = count
  let position = at + HEADER_BYTES
  if (withLine) {
    const digits = out.write(String(line), position + LENGTH_BYTES, 'latin1')
    writeLength(out, position, digits)
    position += LENGTH_BYTES + digits
  }
  return position
}

/** Completes the message that ends at `position`. */
export function finishRow(writer: DataRowWriter, position: number): void {
  writeLength(writer.bytes, writer.recordStart + 1, position - writer.recordStart - 1)
  writer.recordStart = position
  writer.position = position
}

export function writeLength(out: Buffer, at: number, length: number): void {
  out[at] = length >>> 24
  out[at + 1] = length >>> 16
  out[at + 2] = length >>> 8
  out[at + 3] = length
}

export function writeNull(out: Buffer, at: number): void {
  out[at] = 0xff
  out[at + 1] = 0xff
  out[at + 2] = 0xff
  out[at + 3] = 0xff
}

export function bytesMatch(bytes: Buffer, at: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}
