import { LOOKAHEAD, type RowDecoder, type RowScanner } from './row-decoder.ts'
import { invalidBytes } from './row-errors.ts'
import { characterAt, validLength, wholeLength } from './valid-text.ts'

/** Bounds what one scan can write, so that rows need not be counted beforehand. */
const SLICE_BYTES = 64 * 1024
const EMPTY = Buffer.alloc(0)

/** Cuts a blob into what a scanner takes: whole characters, valid in `encoding`, and once more what it left before. */
export class BlobReader implements RowDecoder {
  readonly #scanner: RowScanner
  readonly #encoding: string
  #left: Buffer = EMPTY

  constructor(scanner: RowScanner, encoding: string) {
    this.#scanner = scanner
    this.#encoding = encoding
  }

  get line(): number {
    return this.#scanner.line
  }

  get ended(): boolean {
    return this.#scanner.ended
  }

  push(chunk: Buffer): void {
    let at = 0
    while (this.#left.length > 0 && at < chunk.length) at = this.#bridge(chunk, at)
    while (at < chunk.length) {
      const slice = chunk.subarray(at, at + SLICE_BYTES)
      const read = this.#scan(slice, false)
      at += read
      if (read < slice.length && chunk.length - at <= LOOKAHEAD) {
        this.#left = Buffer.from(chunk.subarray(at))
        return
      }
    }
  }

  end(): void {
    this.#scan(this.#left, true)
    this.#scanner.finish()
  }

  /** Reads what was left together with a little of `chunk`; returns where to go on in it. */
  #bridge(chunk: Buffer, at: number): number {
    const left = this.#left
    const joint = Buffer.concat([left, chunk.subarray(at, at + 2 * LOOKAHEAD)])
    const read = this.#scan(joint, false)
    if (read >= left.length) {
      this.#left = EMPTY
      return at + read - left.length
    }
    this.#left = joint.subarray(read)
    return chunk.length
  }

  #scan(bytes: Buffer, final: boolean): number {
    const encoding = this.#encoding
    const scanner = this.#scanner
    if (scanner.ended) return bytes.length
    const whole = final ? bytes.length : wholeLength(bytes, encoding)
    const valid = validLength(bytes.subarray(0, whole), encoding)
    const read = scanner.scan(bytes.subarray(0, valid), final && valid === whole)
    if (valid < whole && !scanner.ended) {
      throw invalidBytes(encoding, characterAt(bytes, valid, encoding), scanner.line)
    }
    return read
  }
}
