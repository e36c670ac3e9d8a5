import { HEADER_LENGTH } from './codes.ts'

/** Follows a byte stream from message to message by their headers, whatever its chunks, and keeps none of its bytes. */
export class MessageCursor {
  /** Type byte of the message under way. */
  code = 0
  /** Its length as its header has it: all but the type byte. */
  length = 0
  /** Bytes of its body that have not come. */
  remaining = 0
  readonly #header = Buffer.alloc(HEADER_LENGTH)
  #headerLength = 0

  /** No message is under way. */
  get atBoundary(): boolean {
    return this.remaining === 0 && this.#headerLength === 0
  }

  /** Where none remains of a body: takes the next header. Returns where that ends, -1 if the chunk ends first. */
  readHeader(chunk: Buffer, offset: number): number {
    const end = offset + HEADER_LENGTH - this.#headerLength
    if (this.#headerLength === 0 && end <= chunk.length) {
      this.#begin(chunk[offset] as number, chunk.readUInt32BE(offset + 1))
      return end
    }
    chunk.copy(this.#header, this.#headerLength, offset, end)
    if (end > chunk.length) {
      this.#headerLength += chunk.length - offset
      return -1
    }
    this.#headerLength = 0
    this.#begin(this.#header[0] as number, this.#header.readUInt32BE(1))
    return end
  }

  /** Takes what the chunk has of the body from `offset` on. Returns where that ends. */
  readBody(chunk: Buffer, offset: number): number {
    const taken = Math.min(this.remaining, chunk.length - offset)
    this.remaining -= taken
    return offset + taken
  }

  #begin(code: number, length: number): void {
    this.code = code
    this.length = length
    this.remaining = Math.max(0, length - 4)
  }
}
