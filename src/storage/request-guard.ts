/** Cancels requests when their caller does, and when nothing was heard of them for too long. */
export class RequestGuard {
  readonly #caller: AbortSignal
  readonly #limitMs: number
  readonly #onSilence: () => Error
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(caller: AbortSignal, limitMs: number, onSilence: () => Error) {
    this.#caller = caller
    this.#limitMs = limitMs
    this.#onSilence = onSilence
    if (caller.aborted) this.#callerAborted()
    else caller.addEventListener('abort', this.#callerAborted, { once: true })
  }

  /** For the requests; aborted with the error that the caller is to see. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** From now on the peer has to do something within the limit. */
  expectProgress(): void {
    if (this.#timer === undefined) this.#timer = setTimeout(this.#expired, this.#limitMs)
    else this.#timer.refresh()
  }

  /** It is not the peer who is awaited. */
  pause(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  release(): void {
    this.pause()
    this.#caller.removeEventListener('abort', this.#callerAborted)
  }

  cancel(reason: Error): void {
    this.release()
    this.#controller.abort(reason)
  }

  readonly #callerAborted = (): void => this.cancel(this.#caller.reason)
  readonly #expired = (): void => this.cancel(this.#onSilence())
}
