import { rowTooLarge } from '../formats/rows/row-errors.ts'
import { COPIES_OF_ROW, type MemoryBudget, type MemoryLease } from '../memory-budget.ts'
import type { PgError } from '../protocol/pg-error.ts'

/** More than a block of small rows has. */
const BLOCK_BYTES = 64 * 1024

/** What the messages of rows of one connection take, one at a time: some KiB, of which the last row may be large. */
export class RowsMemory {
  readonly #budget: MemoryBudget
  /** For the message that is on its way, or being worked on. */
  #lease: MemoryLease | undefined

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  /**
   * A message is on its way. Undefined: let it come, unless `refuse` was called; else wait until there is memory for it.
   * Rejects with the reason of `signal`.
   */
  expect(length: number, refuse: (error: PgError) => void, signal: () => AbortSignal): Promise<void> | undefined {
    if (length <= BLOCK_BYTES) return undefined
    const { maxRowBytes } = this.#budget
    if (length > maxRowBytes + BLOCK_BYTES) {
      refuse(rowTooLarge(maxRowBytes))
      return undefined
    }
    this.#lease ??= this.#budget.open(signal())
    return this.#lease.hold(COPIES_OF_ROW * length)
  }

  end(): void {
    this.#lease?.end()
    this.#lease = undefined
  }
}
