const NEWLINE = 0x0a
/** One in so many chunks is looked at. */
const SAMPLED = 16

/** About how many lines there are in bytes that pass: to look at all of them would take longer than to pass them. */
export class LineEstimate {
  #chunks = 0
  #bytes = 0
  #sampledBytes = 0
  #sampledLines = 0
  #lines = 0

  /** With these bytes too. Never less than before. */
  with(chunk: Buffer): number {
    this.#bytes += chunk.length
    if (this.#chunks++ % SAMPLED === 0) {
      this.#sampledBytes += chunk.length
      for (const byte of chunk) if (byte === NEWLINE) this.#sampledLines++
    }
    const estimate = Math.round((this.#sampledLines / Math.max(1, this.#sampledBytes)) * this.#bytes)
    this.#lines = Math.max(this.#lines, estimate)
    return this.#lines
  }
}
