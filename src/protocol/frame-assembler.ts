import { BACKEND, HEADER_LENGTH } from './codes.ts'

/** One whole message, header included. */
export interface Frame {
  readonly code: number
  readonly bytes: Buffer
}

export const frameBody = (frame: Frame): Buffer => frame.bytes.subarray(HEADER_LENGTH)

/** Takes a part of a CopyData payload; a row may come in several parts and one part may hold no whole row. */
export type CopyDataSink = (buffer: Buffer, start: number, end: number) => void

/**
 * Cuts a byte stream into whole messages. With a CopyData sink set, the payloads of CopyData messages go there as they
 * come, without their headers and without being assembled: the bulk of a COPY costs one loop and no allocation a row.
 */
export class FrameAssembler {
  copyDataSink: CopyDataSink | undefined
  #partial: Buffer[] = []
  #partialLength = 0
  #wanted = HEADER_LENGTH
  #sinkRemaining = 0
  readonly #onFrame: (frame: Frame) => void

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** `chunk` must not be reused by the caller: frames are views of it. */
  push(chunk: Buffer): void {
    let buffer = chunk
    let offset = 0
    if (this.#sinkRemaining > 0) {
      offset = Math.min(this.#sinkRemaining, buffer.length)
      this.#sinkRemaining -= offset
      this.copyDataSink?.(buffer, 0, offset)
    }
    if (this.#partialLength > 0) {
      this.#hold(buffer)
      if (this.#partialLength < this.#wanted) return
      buffer = this.takePartial()
    }
    const end = buffer.length
    while (end - offset >= HEADER_LENGTH) {
      const code = buffer[offset] as number
      const length = buffer.readUInt32BE(offset + 1) + 1
      if (code === BACKEND.copyData && this.copyDataSink !== undefined) {
        const start = offset + HEADER_LENGTH
        offset = Math.min(offset + length, end)
        this.#sinkRemaining = length - HEADER_LENGTH - (offset - start)
        this.copyDataSink(buffer, start, offset)
        continue
      }
      if (end - offset < length) break
      this.#onFrame({ code, bytes: buffer.subarray(offset, offset + length) })
      offset += length
    }
    if (offset < end) this.#hold(buffer.subarray(offset))
  }

  /** How long the message under way says it is; 0 where there is none. */
  get announcedLength(): number {
    return this.#partialLength < HEADER_LENGTH ? 0 : this.#wanted
  }

  /** The bytes of a message that has not come whole yet; the assembler is empty afterwards. */
  takePartial(): Buffer {
    const partial = this.#partial.length === 1 ? (this.#partial[0] as Buffer) : Buffer.concat(this.#partial)
    this.#partial = []
    this.#partialLength = 0
    this.#wanted = HEADER_LENGTH
    return partial
  }

  /** Chunks of a long message are joined once, when it is complete, not once a chunk. */
  #hold(rest: Buffer): void {
    this.#partial.push(rest)
    this.#partialLength += rest.length
    if (this.#wanted > HEADER_LENGTH || this.#partialLength < HEADER_LENGTH) return
    const head = this.#partial.length === 1 ? rest : Buffer.concat(this.#partial)
    this.#partial = [head]
    this.#wanted = head.readUInt32BE(1) + 1
  }
}
