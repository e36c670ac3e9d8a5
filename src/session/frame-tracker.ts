import { BACKEND } from '../protocol/codes.ts'
import { MessageCursor } from '../protocol/message-cursor.ts'

/** Messages whose (short) bodies the proxy has a use for; all others are only counted. */
const hasUsefulBody = (code: number): boolean =>
  code === BACKEND.readyForQuery || code === BACKEND.parameterStatus || code === BACKEND.backendKeyData

/**
 * Follows a byte stream that is passed through as it is, and tells of each message: its type when the header is complete,
 * with the body where {@link hasUsefulBody} says so (then when that is complete; it may be a view of the chunk).
 */
export class FrameTracker {
  readonly #cursor = new MessageCursor()
  #body: Buffer[] = []
  readonly #onMessage: (code: number, body: Buffer | undefined) => void

  constructor(onMessage: (code: number, body: Buffer | undefined) => void) {
    this.#onMessage = onMessage
  }

  /** No message is under way. */
  get atBoundary(): boolean {
    return this.#cursor.atBoundary
  }

  push(chunk: Buffer): void {
    const cursor = this.#cursor
    let offset = 0
    while (offset < chunk.length) {
      if (cursor.remaining > 0) {
        const start = offset
        offset = cursor.readBody(chunk, offset)
        if (hasUsefulBody(cursor.code)) this.#takeBody(chunk.subarray(start, offset))
      } else {
        offset = cursor.readHeader(chunk, offset)
        if (offset < 0) return
        if (!hasUsefulBody(cursor.code)) this.#onMessage(cursor.code, undefined)
        else if (cursor.remaining === 0) this.#onMessage(cursor.code, Buffer.alloc(0))
      }
    }
  }

  #takeBody(part: Buffer): void {
    const isLast = this.#cursor.remaining === 0
    if (isLast && this.#body.length === 0) {
      this.#onMessage(this.#cursor.code, part)
      return
    }
    this.#body.push(Buffer.from(part))
    if (!isLast) return
    const body = Buffer.concat(this.#body)
    this.#body = []
    this.#onMessage(this.#cursor.code, body)
  }
}
