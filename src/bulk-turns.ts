/** Of one turn of the event loop, how long all that is read in bulk may take. */
const SHARE_MS = 10
/** Not all at once: they would share the next turn with all who have come before them. */
const RESUMED_A_TURN = 8

/**
 * Keeps the turns of the event loop short while much is read: libuv takes up to 32 chunks of each socket in one, and accepts
 * only one connection, so with a hundred transfers under way others would wait for seconds to be let in.
 */
export class BulkTurns {
  #began: number | undefined
  readonly #waiting: (() => void)[] = []

  /** To be asked after each chunk. False: read no more before `resume` is called, which is soon, and only once. */
  mayGoOn(resume: () => void): boolean {
    const now = performance.now()
    if (this.#began === undefined) {
      this.#began = now
      setImmediate(this.#nextTurn)
    }
    if (now - this.#began < SHARE_MS) return true
    this.#waiting.push(resume)
    return false
  }

  readonly #nextTurn = (): void => {
    this.#began = undefined
    if (this.#waiting.length === 0) return
    for (const resume of this.#waiting.splice(0, RESUMED_A_TURN)) resume()
    if (this.#waiting.length > 0) {
      this.#began = performance.now()
      setImmediate(this.#nextTurn)
    }
  }
}

/** Of this process. */
export const bulkTurns = new BulkTurns()
