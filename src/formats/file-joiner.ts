/** Makes one file of several, such that COPY FROM reads it as it would read each. */
export interface FileJoiner {
  /** How many have been sent whole; a row of a binary file counts as one. */
  readonly lines: number
  /** How many of the current file were not. */
  readonly skipped: number
  /** The file has an end marker: what follows in it means nothing. */
  readonly fileEnded: boolean
  /** What was sent is to be the end: then the server says what is wrong. */
  readonly isOver: boolean
  beginFile(): void
  /** What is to be sent of a file's next bytes. @throws PgError */
  push(bytes: Buffer): Buffer[]
  endFile(): Buffer[]
}
