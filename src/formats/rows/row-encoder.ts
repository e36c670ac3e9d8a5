/**
 * Rows → the bytes of a blob. What the functions return is valid until the next call. The rows of one `encode` are
 * whole; how they are written is the format's affair.
 */
export interface RowEncoder {
  begin(): Buffer
  encode(rows: Buffer): Buffer
  end(): Buffer
}
