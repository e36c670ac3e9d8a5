import { BACKEND, HEADER_LENGTH } from './codes.ts'
import { HeldBytes } from './held-bytes.ts'

/** One whole message, header included. */
export interface Frame {
  readonly code: number
  readonly bytes: Buffer
}

export const frameBody = (frame: Frame): Buffer => frame.bytes.subarray(HEADER_LENGTH)

/** Takes payloads of CopyData messages, any number of them and parts of them at a time. The buffer is used again after it. */
export type CopyDataSink = (payloads: Buffer) => void

/** A longer message gets its memory when its second chunk comes, so that joining all of them takes no time at its end. */
const LONG_BYTES = 256 * 1024

/**
 * Cuts a byte stream into whole messages. With a CopyData sink set, the payloads of CopyData messages go there as they
 * come, not assembled, with the headers between them squeezed out of the chunk: a row costs no allocation, and a chunk
 * of rows one call.
 */
export class FrameAssembler {
  copyDataSink: CopyDataSink | undefined
  readonly #partial = new HeldBytes()
  /** In its place: the memory of a long message, and how much of it has come. */
  #long: { readonly bytes: Buffer; length: number } | undefined
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
    if (this.#long !== undefined || this.announcedLength > LONG_BYTES) buffer = this.#goOn(buffer)
    if (buffer.length === 0) return
    let offset = 0
    // Where the payloads found so far are in the buffer, one behind the other.
    let payloads = 0
    let payloadsEnd = 0
    if (this.#sinkRemaining > 0) {
      offset = Math.min(this.#sinkRemaining, buffer.length)
      this.#sinkRemaining -= offset
      payloadsEnd = offset
    } else if (this.#partial.length > 0) {
      this.#partial.push(sink ? Buffer.from(buffer) : buffer)
      if (this.#partial.length < (this.announcedLength || HEADER_LENGTH)) return
      buffer = this.#partial.take()
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
    const rest = buffer.subarray(offset)
    if (rest.length > 0) this.#partial.push(sink ? Buffer.from(rest) : rest)
  }

  /** How long the message under way says it is; 0 where there is none. */
  get announcedLength(): number {
    if (this.#long) return this.#long.bytes.length
    const header = this.#partial.header
    return header ? header.length + 1 : 0
  }

  /** Passes over the message under way, without ever holding it; `onDropped` is called when all of it has come. */
  dropMessage(onDropped: () => void): void {
    this.#dropRemaining = this.announcedLength - (this.#long?.length ?? this.#partial.length)
    this.#onDropped = onDropped
    this.takePartial()
  }

  /** The bytes of a message that has not come whole yet; the assembler is empty afterwards. */
  takePartial(): Buffer {
    const long = this.#long
    this.#long = undefined
    return long ? long.bytes.subarray(0, long.length) : this.#partial.take()
  }

  /** The next bytes of a long message; returns those behind it. */
  #goOn(chunk: Buffer): Buffer {
    this.#long ??= { bytes: Buffer.allocUnsafeSlow(this.announcedLength), length: 0 }
    const long = this.#long
    if (this.#partial.length > 0) long.length = this.#partial.take().copy(long.bytes)
    const taken = chunk.copy(long.bytes, long.length)
    long.length += taken
    if (long.length === long.bytes.length) {
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
}
