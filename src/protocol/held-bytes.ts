import { HEADER_LENGTH } from './codes.ts'

/** Each piece costs about as much memory as this many bytes. */
const PIECE_COST = 128
const MANY_PIECES = 1024

/** Bytes that wait for more: in pieces, which are joined when all of them have come, not each time that one comes. */
export class HeldBytes {
  #pieces: Buffer[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A view of a buffer that it would keep alive for little is copied. */
  push(piece: Buffer): void {
    const isSmallView = piece.length < piece.buffer.byteLength / 2
    this.#pieces.push(isSmallView ? Buffer.from(piece) : piece)
    this.#length += piece.length
    // What comes byte by byte must not take a buffer for each.
    if (this.#pieces.length > MANY_PIECES && this.#length < this.#pieces.length * PIECE_COST) this.#join()
  }

  /** The header of the message that they begin with, once it has come. `length` is as it says: all but the type byte. */
  get header(): { readonly code: number; readonly length: number } | undefined {
    if (this.#length < HEADER_LENGTH) return undefined
    const first = this.#pieces[0] as Buffer
    const head = first.length < HEADER_LENGTH ? this.#join() : first
    return { code: head[0] as number, length: head.readUInt32BE(1) }
  }

  /** All of them; none is held afterwards. */
  take(): Buffer {
    const bytes = this.#join()
    this.#pieces = []
    this.#length = 0
    return bytes
  }

  #join(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces, this.#length)]
    return this.#pieces[0] as Buffer
  }
}
