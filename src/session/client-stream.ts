import { FRONTEND, HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import { HeldBytes } from '../protocol/held-bytes.ts'

/** Client bytes kept while an operation runs, so that a client that dies is still noticed; then its socket is paused. */
const HELD_LIMIT = 1024 * 1024
/** A query text longer than this is passed through unread. */
export const QUERY_TEXT_LIMIT = 1024 * 1024

/** Looks at messages of the client that may be ours; decides whether one is passed on or an operation takes its place. */
export interface Interceptor {
  /** Must this message be seen whole? Everything else is passed on as its bytes come. */
  wants(code: number): boolean
  /** A whole message: undefined lets it pass as it is, else the operation runs in its place. */
  examine(frame: Frame): (() => Promise<void>) | undefined
  /** A message passes unseen: it is not wanted, or too long, or of no length that there is. */
  passes?(code: number): void
  /** The session is over. */
  close(): void
}

export interface ClientStreamHooks {
  /** A message passes, whose bytes come next through `pass`. */
  readonly passing: (code: number) => void
  readonly pass: (bytes: Buffer) => void
  /** The rest waits until unblock(). */
  readonly operate: (operation: () => Promise<void>) => void
}

/**
 * What comes from the client: walks the headers, passes on what is not ours in as few writes as the chunks allow, and
 * keeps what has to wait. Messages that the interceptor wants are put together; all others are never held.
 */
export class ClientStream {
  readonly #interceptor: Interceptor
  readonly #hooks: ClientStreamHooks
  /** Bytes not looked at yet: a message that has not come whole, or everything while an operation runs. */
  readonly #held = new HeldBytes()
  /** Bytes of a message that are passed on unseen. */
  #passing = 0
  /** The message that passes is a CopyDone or CopyFail. */
  #endsCopy = false
  /** The client broke framing: the backend is to judge. */
  #raw = false
  #operating = false
  /** The client's own CopyData passes though an operation runs. */
  #copyGate = false

  constructor(interceptor: Interceptor, hooks: ClientStreamHooks) {
    this.#interceptor = interceptor
    this.#hooks = hooks
  }

  /** Chunks that were pushed are still needed: their buffers must not be used again. */
  get keeps(): boolean {
    return this.#held.length > 0 || this.#operating
  }

  /** So much is held that the client should not be read from for now. */
  get full(): boolean {
    return this.#blocked && this.#held.length > HELD_LIMIT
  }

  /** The backend waits for the client's own CopyData while an operation runs. */
  get copyGate(): boolean {
    return this.#copyGate
  }

  push(chunk: Buffer): void {
    if (!this.#blocked && this.#held.length === 0) this.#examine(chunk)
    else {
      this.#held.push(chunk)
      this.#drain()
    }
  }

  /** Opens until the client's CopyDone or CopyFail, for a COPY FROM STDIN of its own beside ours in one Query. */
  openCopyGate(): void {
    this.#copyGate = true
    this.#drain()
  }

  closeCopyGate(): void {
    this.#copyGate = false
  }

  /** The operation is over. */
  unblock(): void {
    this.#operating = false
    this.#copyGate = false
    this.#drain()
  }

  get #blocked(): boolean {
    return this.#operating && !this.#copyGate
  }

  #drain(): void {
    // A long message that is still coming is joined once, when it is complete.
    if (this.#blocked || this.#held.length === 0 || this.#held.length < this.#wantedLength()) return
    this.#examine(this.#held.take())
  }

  #wantedLength(): number {
    if (this.#passing > 0 || this.#raw) return 0
    const header = this.#held.header
    return header && this.#mustSeeWhole(header.code, header.length) ? header.length + 1 : HEADER_LENGTH
  }

  #mustSeeWhole(code: number, length: number): boolean {
    return !this.#copyGate && this.#interceptor.wants(code) && length >= 4 && length <= QUERY_TEXT_LIMIT
  }

  #examine(chunk: Buffer): void {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#raw) {
        offset = chunk.length
      } else if (this.#passing > 0) {
        const taken = Math.min(this.#passing, chunk.length - offset)
        this.#passing -= taken
        offset += taken
        if (this.#passing === 0 && this.#endsCopy) this.#copyGate = false
        if (this.#blocked) break
      } else {
        if (chunk.length - offset < HEADER_LENGTH) break
        const code = chunk[offset] as number
        const length = chunk.readUInt32BE(offset + 1)
        if (this.#mustSeeWhole(code, length)) {
          const end = offset + length + 1
          if (end > chunk.length) break
          const operation = this.#interceptor.examine({ code, bytes: chunk.subarray(offset, end) })
          if (operation) {
            if (offset > 0) this.#hooks.pass(chunk.subarray(0, offset))
            if (end < chunk.length) this.#held.push(chunk.subarray(end))
            this.#operating = true
            this.#hooks.operate(operation)
            return
          }
        } else this.#interceptor.passes?.(code)
        this.#raw = length < 4 || length > MAX_MESSAGE_LENGTH
        this.#passing = length + 1
        this.#endsCopy = code === FRONTEND.copyDone || code === FRONTEND.copyFail
        this.#hooks.passing(code)
      }
    }
    if (offset > 0) this.#hooks.pass(offset === chunk.length ? chunk : chunk.subarray(0, offset))
    if (offset < chunk.length) this.#held.push(chunk.subarray(offset))
  }
}
