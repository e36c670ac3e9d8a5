import { LOOKAHEAD, type RowDecoder, type RowScanner } from './row-decoder.ts'
import { invalidBytes } from './row-errors.ts'
import { utf8CutOff, utf8Length, utf8ValidLength } from './utf8.ts'

/** Bounds what one scan can write, so that rows need not be counted beforehand. */
const SLICE_BYTES = 64 * 1024
const EMPTY = Buffer.alloc(0)

/** Cuts a blob into what a scanner takes: whole characters, valid in `encoding`, and once more what it left before. */
export class BlobReader implements RowDecoder {
  readonly #scanner: RowScanner
  readonly #encoding: string
  readonly #isUtf8: boolean
  #left: Buffer = EMPTY

  constructor(scanner: RowScanner, encoding: string) {
    this.#scanner = scanner
    this.#encoding = encoding
    this.#isUtf8 = encoding === 'UTF8'
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
    const whole = this.#isUtf8 && !final ? utf8CutOff(bytes) : bytes.length
    const valid = this.#validLength(bytes.subarray(0, whole))
    const read = this.#scanner.scan(bytes.subarray(0, valid), 0, final && valid === whole)
    if (valid < whole) throw this.#invalid(bytes, valid)
    return read
  }

  #validLength(bytes: Buffer): number {
    if (this.#isUtf8) return utf8ValidLength(bytes)
    const nul = bytes.indexOf(0)
    return nul < 0 ? bytes.length : nul
  }

  #invalid(bytes: Buffer, at: number): Error {
    const length = this.#isUtf8 ? utf8Length(bytes[at] as number) : 1
    return invalidBytes(this.#encoding, bytes.subarray(at, at + length), this.#scanner.line)
  }
}
