/** The bytes of a blob → rows, which appear in the DataRowWriter it was made with. Throws PgError. */
export interface RowDecoder {
  /** See RowScanner. */
  readonly line: number
  readonly ended: boolean
  push(chunk: Buffer): void
  end(): void
}

/** One format's share of a RowDecoder: it gets bytes that are valid in their encoding. */
export interface RowScanner {
  /** The line that is being read, or comes next. */
  readonly line: number
  /** An end marker was read: what follows means nothing. */
  readonly ended: boolean
  /**
   * Reads `bytes` and returns where it stopped: it may leave the last ones, at most LOOKAHEAD, to see them again with
   * what follows them. With `final` nothing does.
   */
  scan(bytes: Buffer, final: boolean): number
  /** After the last scan. */
  finish(): void
}

export const LOOKAHEAD = 8

export function bytesMatch(bytes: Buffer, at: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}
