import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { FileJoiner } from './file-joiner.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
/** With the flags and the length of an extension. */
const HEADER_BYTES = SIGNATURE.length + 8
const NOTHING = Buffer.alloc(0)

/** Files in COPY's binary format as one: with the header of the first, and without trailers, which COPY can do without. */
export class JoinedBinary implements FileJoiner {
  lines = 0
  readonly skipped = 0
  readonly fileEnded = false
  isOver = false
  #isFirst = true
  #inHeader = true
  /** Of the row that has begun. */
  #fields = 0
  /** Of a value, or of a header's extension, that are still to come. */
  #passing = 0
  /** Seen, but not understood without what follows. */
  #rest: Buffer = NOTHING

  beginFile(): void {
    this.#inHeader = true
    this.#rest = NOTHING
  }

  push(chunk: Buffer): Buffer[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const out: Buffer[] = []
    const end = this.#scan(bytes, out)
    this.#rest = bytes.subarray(end)
    return out
  }

  endFile(): Buffer[] {
    const isAtRow = !this.#inHeader && this.#fields === 0 && this.#passing === 0
    const isTrailer = this.#rest.length === 2 && this.#rest.readInt16BE(0) === -1
    if (isAtRow && (isTrailer || this.#rest.length === 0)) {
      this.#isFirst = false
      return []
    }
    if (this.#inHeader && !this.#isFirst) throw badFile('invalid COPY file header')
    this.isOver = true
    return [this.#rest]
  }

  /** Returns where it stopped. */
  #scan(bytes: Buffer, out: Buffer[]): number {
    let sent = 0
    let i = 0
    const send = (to: number, next = to): void => {
      if (to > sent) out.push(bytes.subarray(sent, to))
      sent = next
    }
    while (i < bytes.length) {
      const left = bytes.length - i
      if (this.#passing > 0) {
        const length = Math.min(this.#passing, left)
        this.#passing -= length
        i += length
        if (this.#inHeader && !this.#isFirst) sent = i
        if (this.#inHeader && this.#passing === 0) this.#inHeader = false
      } else if (this.#inHeader) {
        if (left < HEADER_BYTES) break
        const length = bytes.readUInt32BE(i + SIGNATURE.length + 4)
        if (!this.#isFirst) checkHeader(bytes.subarray(i, i + HEADER_BYTES))
        i += HEADER_BYTES
        if (!this.#isFirst) sent = i
        this.#passing = length
        if (length === 0) this.#inHeader = false
      } else if (this.#fields > 0) {
        if (left < 4) break
        this.#fields--
        this.#passing = Math.max(0, bytes.readInt32BE(i))
        i += 4
        if (this.#fields === 0) this.lines++
      } else {
        if (left < 2) break
        const fields = bytes.readInt16BE(i)
        if (fields === -1 && left === 2) break
        if (fields < 0) {
          this.isOver = true // no end of the file, as the server will say
          i = bytes.length
        } else {
          i += 2
          this.#fields = fields
          if (fields === 0) this.lines++
        }
      }
    }
    send(i)
    return i
  }
}

function checkHeader(header: Buffer): void {
  if (!header.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw badFile('COPY file signature not recognized')
  if (header.readUInt32BE(SIGNATURE.length) >>> 16 !== 0)
    throw badFile('unrecognized critical flags in COPY file header')
}

function badFile(message: string): PgError {
  return new PgError({ message, code: SQLSTATE.badCopyFileFormat })
}
