/** How many a worker of a proxy is given at a time. */
export const BLOCK = 10_000

/** What sessions, or transfers, are called by. Those of a worker come in blocks, so that no other worker has the same. */
export class Numbers {
  readonly #nextBlock: (() => Promise<number>) | undefined
  #next: number
  #left = Number.POSITIVE_INFINITY
  #isAsking = false
  #blocks: number[] = []

  /** `nextBlock`: where the next block begins, asked for in good time. */
  constructor(first = 1, nextBlock?: () => Promise<number>) {
    this.#next = first
    this.#nextBlock = nextBlock
    if (nextBlock !== undefined) this.#left = BLOCK
  }

  next(): number {
    if (this.#left-- <= BLOCK / 2) this.#provide()
    const block = this.#left <= 0 ? this.#blocks.shift() : undefined
    const number = this.#next++
    if (block !== undefined) {
      this.#next = block
      this.#left = BLOCK
    }
    return number
  }

  #provide(): void {
    if (this.#isAsking || this.#blocks.length > 0) return
    this.#isAsking = true
    this.#nextBlock?.()
      .then(
        first => this.#blocks.push(first),
        () => {},
      )
      .finally(() => {
        this.#isAsking = false
      })
  }
}
