/** What Parquet has no form for, in words for the user. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError'
}

/** Takes the bytes of one value after another, in UTF-8; what they are quoted with is undone. Throws LiteralError. */
export interface ValueReader {
  begin(): void
  put(byte: number): void
  end(): void
}

/** Takes JSON. */
export interface JsonSink {
  ascii(text: string): void
  /** Of a string; it may have to be escaped. */
  byte(byte: number): void
}
