/**
 * Rows → the bytes of a blob. What the functions return is valid until the next call. The rows of one `encode` are
 * whole; how they are written is the format's affair.
 */
export interface RowEncoder {
  /** How many rows have been encoded. */
  readonly rows: number
  begin(): Buffer
  encode(rows: Buffer): Buffer
  end(): Buffer
}
