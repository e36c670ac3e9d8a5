const CHUNK_BYTES = 64 * 1024

/** Copies of bytes, in memory that is used again: what V8 has to find out is free costs more than all else done to it. */
export class ChunkPool {
  readonly #free: Buffer[] = []
  readonly #taken = new Map<ArrayBufferLike, Buffer>()

  copyOf(bytes: Buffer): Buffer {
    if (bytes.length > CHUNK_BYTES) return Buffer.from(bytes)
    const chunk = this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.#taken.set(chunk.buffer, chunk)
    return chunk.subarray(0, bytes.copy(chunk))
  }

  /** Nobody needs a copy any more; nothing happens with what is none. */
  giveBack({ buffer }: Buffer): void {
    const chunk = this.#taken.get(buffer)
    if (chunk !== undefined && this.#taken.delete(buffer)) this.#free.push(chunk)
  }
}
