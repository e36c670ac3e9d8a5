import { BACKEND, HEADER_LENGTH } from '../protocol/codes.ts'
import { type CopyDataSink, type Frame, FrameAssembler } from '../protocol/frame-assembler.ts'

/** Bytes of messages not taken yet at which the backend is not read from any more. */
const LIMIT = 1024 * 1024

/** What the backend says while an operation has it for itself: whole messages in order, until the operation takes them. */
export class Inbox {
  readonly #assembler = new FrameAssembler(frame => this.#deliver(frame))
  readonly #onFull: (isFull: boolean) => void
  readonly #frames: Frame[] = []
  #length = 0
  #waiter: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | undefined
  #lost: Error | undefined

  constructor(onFull: (isFull: boolean) => void) {
    this.#onFull = onFull
  }

  /** See FrameAssembler: without a sink the messages are views of the chunk. */
  push(chunk: Buffer): void {
    this.#assembler.push(chunk)
  }

  /** The next message. Rejects with the reason of fail() when there is none any more. */
  next(): Promise<Frame> {
    const frame = this.#shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
  }

  /** Nothing more will come. */
  fail(reason: Error): void {
    this.#lost = reason
    this.#waiter?.reject(reason)
    this.#waiter = undefined
  }

  get sink(): CopyDataSink | undefined {
    return this.#assembler.copyDataSink
  }

  set sink(sink: CopyDataSink | undefined) {
    this.#assembler.copyDataSink = sink
    // Rows may have come in one chunk with the CopyOutResponse.
    while (sink && this.#frames[0]?.code === BACKEND.copyData) {
      sink((this.#shift() as Frame).bytes.subarray(HEADER_LENGTH))
    }
  }

  /** Everything that was not taken, the beginning of a message included. */
  takeRest(): Buffer[] {
    const rest = [...this.#frames.map(({ bytes }) => bytes), this.#assembler.takePartial()]
    this.#frames.length = 0
    this.#length = 0
    return rest.filter(bytes => bytes.length > 0)
  }

  #shift(): Frame | undefined {
    const frame = this.#frames.shift()
    if (frame !== undefined) {
      this.#length -= frame.bytes.length
      if (this.#length < LIMIT) this.#onFull(false)
    }
    return frame
  }

  #deliver(frame: Frame): void {
    const waiter = this.#waiter
    if (waiter) {
      this.#waiter = undefined
      waiter.resolve(frame)
      return
    }
    this.#frames.push(frame)
    this.#length += frame.bytes.length
    if (this.#length >= LIMIT) this.#onFull(true)
  }
}
