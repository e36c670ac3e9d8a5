import { Socket } from 'node:net'
import type { ChunkPool } from './chunk-pool.ts'

/** Rows on their way into a pipe that is read by fits and starts: up to so many bytes wait here, so that who sends them need not. */
export class RowPipe {
  readonly #socket: Socket
  readonly #mostBytes: number
  readonly #pool: ChunkPool | undefined
  #waiting: Buffer[] = []
  #bytes = 0
  #isWriting = false
  #onRoom: (() => void) | undefined
  #onWritten: (() => void) | undefined

  /** `pool` gets its chunks back. */
  constructor(writeEnd: number, mostBytes: number, pool?: ChunkPool) {
    this.#socket = new Socket({ fd: writeEnd, readable: false, writable: true }).on('error', () => {})
    this.#mostBytes = mostBytes
    this.#pool = pool
  }

  /** Resolves when more may come. Never, when nobody reads any more: who does has its own reasons to tell. */
  send(rows: Buffer): Promise<void> {
    this.#waiting.push(rows)
    this.#bytes += rows.length
    this.#write()
    if (this.#bytes <= this.#mostBytes) return Promise.resolve()
    return new Promise(resolve => {
      this.#onRoom = resolve
    })
  }

  /** Resolves when all that was sent has been written. */
  async written(): Promise<void> {
    if (this.#bytes === 0) return
    await new Promise<void>(resolve => {
      this.#onWritten = resolve
    })
  }

  /** Resolves when all has been written, and the pipe is closed. */
  async end(): Promise<void> {
    await this.written()
    await new Promise<void>(resolve => this.#socket.end((error?: Error | null) => error ?? resolve()))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #write(): void {
    const rows = this.#isWriting ? undefined : this.#waiting.shift()
    if (rows === undefined) return
    this.#isWriting = true
    this.#socket.write(rows, error => {
      if (error) return
      this.#isWriting = false
      this.#bytes -= rows.length
      this.#pool?.giveBack(rows)
      if (this.#bytes <= this.#mostBytes) this.#onRoom?.()
      if (this.#bytes === 0) this.#onWritten?.()
      this.#write()
    })
  }
}
