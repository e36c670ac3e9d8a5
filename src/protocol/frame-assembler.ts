import { BACKEND, HEADER_LENGTH } from './codes.ts'

/** One whole message, header included. */
export interface Frame {
  readonly code: number
  readonly bytes: Buffer
}

export const frameBody = (frame: Frame): Buffer => frame.bytes.subarray(HEADER_LENGTH)

/** Takes payloads of CopyData messages, any number of them and parts of them at a time. The buffer is used again after it. */
export type CopyDataSink = (payloads: Buffer) => void

/** A longer message gets its buffer at once, so that joining its chunks takes no time at its end. */
const LONG_BYTES = 256 * 1024

/**
 * Cuts a byte stream into whole messages. With a CopyData sink set, the payloads of CopyData messages go there as they
 * come, not assembled, with the headers between them squeezed out of the chunk: a row costs no allocation, and a chunk
 * of rows one call.
 */
export class FrameAssembler {
  copyDataSink: CopyDataSink | undefined
  #partial: Buffer[] = []
  #partialLength = 0
  /** In the place of #partial, for a long message of which more than one chunk has come. */
  #long: Buffer | undefined
  #wanted = HEADER_LENGTH
  #sinkRemaining = 0
  #dropRemaining = 0
  #onDropped: (() => void) | undefined
  readonly #onFrame: (frame: Frame) => void

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Without a sink the frames are views of `chunk`, which must not be used again; with one, nothing of it is kept. */
  push(chunk: Buffer): void {
    const sink = this.copyDataSink
    let buffer = this.#dropRemaining > 0 ? this.#drop(chunk) : chunk
    if (this.#partialLength > 0 && this.#wanted > LONG_BYTES) buffer = this.#goOn(buffer)
    if (buffer.length === 0) return
    let offset = 0
    // Where the payloads found so far are in the buffer, one behind the other.
    let payloads = 0
    let payloadsEnd = 0
    if (this.#sinkRemaining > 0) {
      offset = Math.min(this.#sinkRemaining, buffer.length)
      this.#sinkRemaining -= offset
      payloadsEnd = offset
    } else if (this.#partialLength > 0) {
      this.#hold(sink ? Buffer.from(buffer) : buffer)
      if (this.#partialLength < this.#wanted) return
      buffer = this.takePartial()
    }
    const end = buffer.length
    while (end - offset >= HEADER_LENGTH) {
      const code = buffer[offset] as number
      const length = buffer.readUInt32BE(offset + 1) + 1
      if (code === BACKEND.copyData && sink !== undefined) {
        const start = offset + HEADER_LENGTH
        offset = Math.min(offset + length, end)
        this.#sinkRemaining = length - HEADER_LENGTH - (offset - start)
        if (payloads === payloadsEnd) payloads = payloadsEnd = start
        else buffer.copyWithin(payloadsEnd, start, offset)
        payloadsEnd += offset - start
        continue
      }
      if (end - offset < length) break
      if (payloadsEnd > payloads) sink?.(buffer.subarray(payloads, payloadsEnd))
      payloads = payloadsEnd
      const bytes = buffer.subarray(offset, offset + length)
      this.#onFrame({ code, bytes: sink ? Buffer.from(bytes) : bytes })
      offset += length
    }
    if (payloadsEnd > payloads) sink?.(buffer.subarray(payloads, payloadsEnd))
    if (offset < end) this.#hold(sink ? Buffer.from(buffer.subarray(offset)) : buffer.subarray(offset))
  }

  /** How long the message under way says it is; 0 where there is none. */
  get announcedLength(): number {
    return this.#partialLength < HEADER_LENGTH ? 0 : this.#wanted
  }

  /** Passes over the message under way, without ever holding it; `onDropped` is called when all of it has come. */
  dropMessage(onDropped: () => void): void {
    this.#dropRemaining = this.#wanted - this.#partialLength
    this.#onDropped = onDropped
    this.#forgetPartial()
  }

  /** The bytes of a message that has not come whole yet; the assembler is empty afterwards. */
  takePartial(): Buffer {
    const pieces = this.#long ? [this.#long.subarray(0, this.#partialLength)] : this.#partial
    const partial = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
    this.#forgetPartial()
    return partial
  }

  #forgetPartial(): void {
    this.#partial = []
    this.#long = undefined
    this.#partialLength = 0
    this.#wanted = HEADER_LENGTH
  }

  /** The next bytes of a long message; returns those behind it. */
  #goOn(chunk: Buffer): Buffer {
    if (this.#long === undefined) {
      this.#long = Buffer.allocUnsafeSlow(this.#wanted)
      let length = 0
      for (const piece of this.#partial) length += piece.copy(this.#long, length)
      this.#partial = []
    }
    const taken = chunk.copy(this.#long, this.#partialLength)
    this.#partialLength += taken
    if (this.#partialLength === this.#wanted) {
      const bytes = this.takePartial()
      const code = bytes[0] as number
      if (code === BACKEND.copyData && this.copyDataSink) this.copyDataSink(bytes.subarray(HEADER_LENGTH))
      else this.#onFrame({ code, bytes })
    }
    return chunk.subarray(taken)
  }

  #drop(chunk: Buffer): Buffer {
    const dropped = Math.min(chunk.length, this.#dropRemaining)
    this.#dropRemaining -= dropped
    if (this.#dropRemaining === 0) this.#onDropped?.()
    return chunk.subarray(dropped)
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
