import { BACKEND } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import { HeldBytes } from '../protocol/held-bytes.ts'
import { MessageCursor } from '../protocol/message-cursor.ts'

/** Messages whose (short) bodies the proxy has a use for; all others are only counted. */
const hasUsefulBody = (code: number): boolean =>
  code === BACKEND.readyForQuery || code === BACKEND.parameterStatus || code === BACKEND.backendKeyData

/** Rare, and short but for what somebody makes long on purpose: such a one passes as it is. */
const isReport = (code: number): boolean => code === BACKEND.errorResponse || code === BACKEND.noticeResponse
const MAX_REPORT = 64 * 1024

export interface TrackerHooks {
  /**
   * A message's type when its header is complete, with the body where hasUsefulBody() says so (then when that is complete;
   * it may be a view of the chunk).
   */
  readonly message: (code: number, body: Buffer | undefined) => void
  /** What an ErrorResponse or NoticeResponse is to be. */
  readonly edit: (report: Frame) => Buffer
}

/** Follows a byte stream that is passed through as it is, but for errors and notices: these are held until they are whole. */
export class FrameTracker {
  readonly #cursor = new MessageCursor()
  readonly #hooks: TrackerHooks
  #body: Buffer[] = []
  /** The begin of an error or notice that has not come whole. */
  #held: HeldBytes | undefined

  constructor(hooks: TrackerHooks) {
    this.#hooks = hooks
  }

  /** No message is under way. */
  get atBoundary(): boolean {
    return this.#cursor.atBoundary
  }

  /** Returns what passes on: mostly the chunk. */
  push(chunk: Buffer): Buffer {
    const cursor = this.#cursor
    const parts: Buffer[] = []
    let offset = 0
    /** Up to here the chunk is in `parts`, or held. */
    let done = 0
    while (offset < chunk.length) {
      if (cursor.remaining > 0) {
        const start = offset
        offset = cursor.readBody(chunk, offset)
        if (hasUsefulBody(cursor.code)) this.#takeBody(chunk.subarray(start, offset))
      } else {
        if (isReport(chunk[offset] as number) && cursor.atBoundary) {
          parts.push(chunk.subarray(done, offset))
          done = offset
          this.#held = new HeldBytes()
        }
        offset = cursor.readHeader(chunk, offset)
        if (offset < 0) break
        if (!hasUsefulBody(cursor.code)) this.#hooks.message(cursor.code, undefined)
        else if (cursor.remaining === 0) this.#hooks.message(cursor.code, Buffer.alloc(0))
        if (this.#held && cursor.length > MAX_REPORT) {
          parts.push(this.#held.take())
          this.#held = undefined
        }
      }
      if (this.#held && cursor.remaining === 0) {
        this.#held.push(chunk.subarray(done, offset))
        parts.push(this.#hooks.edit({ code: cursor.code, bytes: this.#held.take() }))
        this.#held = undefined
        done = offset
      }
    }
    if (this.#held) this.#held.push(Buffer.from(chunk.subarray(done)))
    else if (done === 0 && parts.length === 0) return chunk
    else parts.push(chunk.subarray(done))
    return Buffer.concat(parts)
  }

  #takeBody(part: Buffer): void {
    const isLast = this.#cursor.remaining === 0
    if (isLast && this.#body.length === 0) {
      this.#hooks.message(this.#cursor.code, part)
      return
    }
    this.#body.push(Buffer.from(part))
    if (!isLast) return
    const body = Buffer.concat(this.#body)
    this.#body = []
    this.#hooks.message(this.#cursor.code, body)
  }
}
