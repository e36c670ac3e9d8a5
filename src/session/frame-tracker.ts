import { BACKEND, HEADER_LENGTH } from '../protocol/codes.ts'

/** Messages whose (short) bodies the proxy has a use for; all others are only counted. */
const hasUsefulBody = (code: number): boolean =>
  code === BACKEND.readyForQuery || code === BACKEND.parameterStatus || code === BACKEND.backendKeyData

/**
 * Walks the headers of a byte stream that is passed through as it is, whatever its chunks, and tells of each message:
 * its type when the header is complete, with the body where {@link hasUsefulBody} says so (then when that is complete; it
 * may be a view of the chunk).
 */
export class FrameTracker {
  #header = Buffer.alloc(HEADER_LENGTH)
  #headerLength = 0
  #remaining = 0
  #code = 0
  #body: Buffer[] = []
  readonly #onMessage: (code: number, body: Buffer | undefined) => void

  constructor(onMessage: (code: number, body: Buffer | undefined) => void) {
    this.#onMessage = onMessage
  }

  /** No message is under way. */
  get atBoundary(): boolean {
    return this.#remaining === 0 && this.#headerLength === 0
  }

  push(chunk: Buffer): void {
    const end = chunk.length
    let offset = 0
    while (offset < end) {
      if (this.#remaining > 0) {
        const taken = Math.min(this.#remaining, end - offset)
        this.#remaining -= taken
        if (hasUsefulBody(this.#code)) {
          const part = chunk.subarray(offset, offset + taken)
          if (this.#remaining === 0 && this.#body.length === 0) this.#onMessage(this.#code, part)
          else {
            this.#body.push(Buffer.from(part))
            if (this.#remaining === 0) this.#tellBody()
          }
        }
        offset += taken
      } else if (this.#headerLength === 0 && end - offset >= HEADER_LENGTH) {
        this.#begin(chunk[offset] as number, chunk.readUInt32BE(offset + 1))
        offset += HEADER_LENGTH
      } else {
        const taken = Math.min(HEADER_LENGTH - this.#headerLength, end - offset)
        chunk.copy(this.#header, this.#headerLength, offset, offset + taken)
        this.#headerLength += taken
        offset += taken
        if (this.#headerLength === HEADER_LENGTH) {
          this.#headerLength = 0
          this.#begin(this.#header[0] as number, this.#header.readUInt32BE(1))
        }
      }
    }
  }

  #begin(code: number, length: number): void {
    this.#code = code
    this.#remaining = Math.max(0, length - 4)
    if (!hasUsefulBody(code)) this.#onMessage(code, undefined)
    else if (this.#remaining === 0) this.#tellBody()
  }

  #tellBody(): void {
    const body = this.#body.length === 1 ? (this.#body[0] as Buffer) : Buffer.concat(this.#body)
    this.#body = []
    this.#onMessage(this.#code, body)
  }
}
