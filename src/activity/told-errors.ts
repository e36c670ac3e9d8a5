/** How long the error may take that a backend tells its client of, after it has given up something else. */
const SOON_MS = 1000

interface Question {
  readonly answer: (sqlstate: string | undefined) => void
  readonly timer: NodeJS.Timeout
}

/** The errors that a session's client is told of: nobody else may know here why what was done for it has failed. */
export class ToldErrors {
  readonly #questions = new Set<Question>()
  #last: { readonly at: number; readonly sqlstate: string } | undefined
  #isOver = false

  tell(sqlstate: string): void {
    this.#last = { at: performance.now(), sqlstate }
    this.#answerAll(sqlstate)
  }

  /** The session is: nothing more will be told. */
  end(): void {
    this.#isOver = true
    this.#answerAll(undefined)
  }

  /** The SQLSTATE of the error that was told of since (as of performance.now()), or is soon; undefined: of none. */
  since(at: number, answer: (sqlstate: string | undefined) => void): void {
    const isTold = this.#last !== undefined && this.#last.at > at
    if (isTold || this.#isOver) {
      answer(isTold ? this.#last?.sqlstate : undefined)
      return
    }
    const timer = setTimeout(() => {
      this.#questions.delete(question)
      answer(undefined)
    }, SOON_MS).unref()
    const question = { answer, timer }
    this.#questions.add(question)
  }

  #answerAll(sqlstate: string | undefined): void {
    for (const { answer, timer } of this.#questions) {
      clearTimeout(timer)
      answer(sqlstate)
    }
    this.#questions.clear()
  }
}
