import type { Statement } from './classify.ts'
import { ReaderLane, type ReadRequest, UnreadText } from './reader-lane.ts'

/** Whatever text has no more chars, and no long run of those that operators are made of, is read in a few milliseconds. */
const MAX_SMALL = 1024
/** To the parser, every char of such a run may begin an operator that is as long as the run. */
const OPERATOR_RUN = /[~!@#^&|`?+\-*/%<>=]{64}/

/** Whether a text may be read by whoever has it, at once: all others are for the threads. */
export const isSmall = (text: string): boolean => text.length <= MAX_SMALL && !OPERATOR_RUN.test(text)

export interface ReaderLimits {
  readonly quickMs: number
  readonly slowMs: number
}

const LIMITS: ReaderLimits = { quickMs: 250, slowMs: 2000 }

/**
 * Reads query texts so that none holds the event loop: what is not small is read in threads of their own. There are two,
 * so that hard texts get in the way of each other only: what takes the first one too long is read again by the second.
 */
export class TextReader {
  readonly #quick: ReaderLane
  readonly #slow: ReaderLane

  constructor({ quickMs, slowMs }: ReaderLimits = LIMITS) {
    this.#quick = new ReaderLane(quickMs)
    this.#slow = new ReaderLane(slowMs)
  }

  /** The statements of a text, as classify() has them. @throws UnreadText, or the signal's reason */
  async read(request: ReadRequest): Promise<Statement[] | undefined> {
    try {
      return await this.#quick.read(request)
    } catch (error) {
      if (!(error instanceof UnreadText && error.isLate)) throw error
      return await this.#slow.read(request)
    }
  }

  close(): void {
    this.#quick.close()
    this.#slow.close()
  }
}
