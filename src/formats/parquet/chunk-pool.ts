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

/** Chunks that wait until there are enough of them. */
export class HeldChunks {
  readonly #pool: ChunkPool | undefined
  #chunks: Buffer[] = []
  bytes = 0

  /** `pool` gets its chunks back. */
  constructor(pool?: ChunkPool) {
    this.#pool = pool
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.bytes += chunk.length
  }

  /** All of them, as one. */
  take(): Buffer {
    const all = Buffer.concat(this.#chunks)
    for (const chunk of this.#chunks) this.#pool?.giveBack(chunk)
    this.#chunks = []
    this.bytes = 0
    return all
  }
}
