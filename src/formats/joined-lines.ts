import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { FileJoiner } from './file-joiner.ts'

/** How COPY FROM finds the lines of its text and csv formats. */
export interface LineRules {
  readonly format: 'csv' | 'text'
  readonly quote: number
  /** The quote, where there is none of its own. */
  readonly escape: number
  readonly header: boolean
  /** The first version for which `\.` in a csv file is data, and in a text file must be alone on its line. */
  readonly strictEndMarker: boolean
  /** Whether a byte begins a character of two bytes, of which the second may be ASCII. */
  readonly isLead: (byte: number) => boolean
}

type LineEnd = 'LF' | 'CR' | 'CRLF'

const LF = 0x0a
const CR = 0x0d
const BACKSLASH = 0x5c
const DOT = 0x2e
const LINE_ENDS: Readonly<Record<LineEnd, Buffer>> = {
  LF: Buffer.from('\n'),
  CR: Buffer.from('\r'),
  CRLF: Buffer.from('\r\n'),
}
const NOTHING = Buffer.alloc(0)

/**
 * Files as one, as each alone would be read: with an empty header for all of theirs, and the line ends of the first; a last line
 * that has none gets one before the next file's; and an end marker ends its file alone.
 */
export class JoinedLines implements FileJoiner {
  lines = 0
  skipped = 0
  isOver = false
  fileEnded = false
  readonly #rules: LineRules
  /** Which bytes mean something, outside and inside quotes. */
  readonly #special = [new Uint8Array(256), new Uint8Array(256)] as const
  /** Of all that was sent, and of the file. */
  #lineEnd: LineEnd | undefined
  #fileLineEnd: LineEnd | undefined
  /** The last line has no end, or there is no header yet. */
  #owesEnd: boolean
  #inHeader = false
  #inQuotes = false
  #wasEscape = false
  #atStart = true
  /** Seen, but not understood without what follows. */
  #rest: Buffer = NOTHING
  // Of what is being looked at: whether nothing follows, what of it goes on, and up to where.
  #bytes: Buffer = NOTHING
  #isFinal = false
  readonly #isCsv: boolean
  #out: Buffer[] = []
  #sent = 0

  constructor(rules: LineRules) {
    this.#rules = rules
    this.#owesEnd = rules.header
    this.lines = rules.header ? 1 : 0
    this.#isCsv = rules.format === 'csv'
    const { format, quote, escape: escapeByte, strictEndMarker, isLead } = rules
    const [outside, inside] = this.#special
    for (let byte = 0x80; byte < 0x100; byte++) outside[byte] = inside[byte] = isLead(byte) ? 1 : 0
    for (const byte of [LF, CR]) outside[byte] = inside[byte] = 1
    if (format === 'csv') outside[quote] = inside[quote] = inside[escapeByte] = 1
    if (format === 'text' || !strictEndMarker) outside[BACKSLASH] = 1
  }

  beginFile(): void {
    this.#fileLineEnd = undefined
    this.#inHeader = this.#rules.header
    this.#atStart = true
    this.#rest = NOTHING
    this.fileEnded = false
    this.skipped = 0
  }

  push(chunk: Buffer): Buffer[] {
    return this.#take(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]), false)
  }

  endFile(): Buffer[] {
    const last = this.fileEnded || this.isOver ? [] : this.#take(this.#rest, true)
    // The server has an error for it, if nothing follows; but not in a header.
    if (this.#inQuotes && !this.#inHeader) this.isOver = true
    this.#inQuotes = false
    if (!this.#atStart && !this.#inHeader) {
      this.#owesEnd = true
      this.lines++
    }
    return last
  }

  #take(bytes: Buffer, isFinal: boolean): Buffer[] {
    this.#bytes = bytes
    this.#isFinal = isFinal
    this.#out = []
    this.#sent = 0
    const end = this.#scan()
    this.#send(end)
    this.#rest = bytes.subarray(end)
    if (this.#out.length === 0) return []
    if (this.#owesEnd) {
      this.#owesEnd = false
      this.#lineEnd ??= 'LF'
      this.#out.unshift(LINE_ENDS[this.#lineEnd])
    }
    // As one: a message for each line would take longer than all else.
    return this.#out.length === 1 ? this.#out : [Buffer.concat(this.#out)]
  }

  /** What goes on up to there; the next begins at `next`. */
  #send(to: number, next = to): void {
    if (to > this.#sent && !this.#inHeader) this.#out.push(this.#bytes.subarray(this.#sent, to))
    this.#sent = next
  }

  /** Returns where it stopped. */
  #scan(): number {
    const bytes = this.#bytes
    const end = bytes.length
    const { quote, isLead } = this.#rules
    let i = 0
    while (i < end && !this.isOver) {
      const special = this.#inQuotes ? this.#special[1] : this.#special[0]
      const byte = bytes[i] as number
      let length = 1
      if (special[byte] === 0) {
        while (i + length < end && special[bytes[i + length] as number] === 0) length++
      } else if (byte === LF || byte === CR) {
        length = this.#inQuotes ? this.#takeQuotedLineEnd(byte) : this.#takeLineEnd(i)
        if (length === 0) break
        i += length
        continue
      } else if (isLead(byte)) {
        length = 2
      } else if (byte === BACKSLASH && !this.#inQuotes && quote !== BACKSLASH && (!this.#isCsv || this.#atStart)) {
        length = this.#takeBackslash(i)
        if (this.fileEnded) return end
      } else {
        this.#takeQuote(byte)
        i++
        continue
      }
      if (length === 0 || (i + length > end && !this.#isFinal)) break
      this.#atStart = false
      this.#wasEscape = false
      i += length
    }
    return Math.min(i, end)
  }

  #takeQuote(byte: number): void {
    const { quote, escape: escapeByte } = this.#rules
    const isEscape = this.#inQuotes && escapeByte !== quote && byte === escapeByte
    if (isEscape) this.#wasEscape = !this.#wasEscape
    if (byte === quote && !this.#wasEscape) this.#inQuotes = !this.#inQuotes
    if (!isEscape) this.#wasEscape = false
    this.#atStart = false
  }

  /** As COPY counts. */
  #takeQuotedLineEnd(byte: number): number {
    this.#wasEscape = false
    const lineEnd = this.#inHeader ? this.#fileLineEnd : this.#lineEnd
    if (byte === (lineEnd === 'LF' ? LF : CR)) {
      if (this.#inHeader) this.skipped++
      else this.lines++
    }
    return 1
  }

  #takeLineEnd(at: number): number {
    const byte = this.#bytes[at] as number
    const next = this.#bytes[at + 1]
    if (byte === CR && next === undefined && !this.#isFinal) return 0
    const found = byte === LF ? 'LF' : next === LF && this.#fileLineEnd !== 'CR' ? 'CRLF' : 'CR'
    const { length } = LINE_ENDS[found]
    this.#fileLineEnd ??= found
    this.#atStart = true
    if (this.#inHeader) {
      this.#sent = at + length
      this.#inHeader = false
      this.#lineEnd ??= found
      this.skipped++
      return length
    }
    this.#lineEnd ??= found
    this.lines++
    if (found !== this.#fileLineEnd) throw this.#otherLineEnd(byte)
    if (found !== this.#lineEnd) {
      this.#send(at, at + length)
      this.#out.push(LINE_ENDS[this.#lineEnd])
    }
    return length
  }

  /** What the server would say; but it sees the line ends of the first file. */
  #otherLineEnd(byte: number): PgError {
    const [name, letter] = byte === LF ? ['newline', 'n'] : ['carriage return', 'r']
    return this.#isCsv
      ? badFile(`unquoted ${name} found in data`, `Use quoted CSV field to represent ${name}.`)
      : badFile(`literal ${name} found in data`, `Use "\\${letter}" to represent ${name}.`)
  }

  /** It may begin an end marker. */
  #takeBackslash(at: number): number {
    const next = this.#bytes[at + 1]
    if (next === undefined) {
      if (!this.#isFinal) return 0
      return this.#isCsv ? 1 : this.#leaveOutLast(at)
    }
    if (next !== DOT) return this.#isCsv ? 1 : this.#rules.isLead(next) ? 3 : 2
    const lineEnd = this.#fileLineEnd
    const after = this.#bytes[at + 2]
    const last = this.#bytes[lineEnd === 'CRLF' ? at + 3 : at + 2]
    if (last === undefined && !this.#isFinal) return 0
    const isMarker = isLineEnd(last) && (lineEnd !== 'CRLF' || after === CR)
    if (this.#isCsv && !isMarker) return after === undefined ? this.#quoteMarker(at) : 1
    const found = last === CR ? 'CR' : lineEnd === 'CRLF' ? 'CRLF' : 'LF'
    const isOther = lineEnd !== undefined && found !== lineEnd
    if ((isMarker && isOther) || (lineEnd === 'CRLF' && after === LF)) {
      throw badFile('end-of-copy marker does not match previous newline style')
    }
    const { strictEndMarker } = this.#rules
    if (!isMarker || (strictEndMarker && !this.#atStart)) {
      throw badFile(`end-of-copy marker ${strictEndMarker ? 'is not alone on its line' : 'corrupt'}`)
    }
    this.fileEnded = true
    return this.#leaveOut(at)
  }

  /** At the end of a file it is a value; but the line end that will follow would make it a marker. */
  #quoteMarker(at: number): number {
    const { quote } = this.#rules
    if (this.#inHeader) return 2
    this.#send(at, at + 2)
    this.#out.push(Buffer.from([quote, BACKSLASH, DOT, quote]))
    return 2
  }

  /** A backslash that nothing follows is none; but a line with it alone is one. */
  #leaveOutLast(at: number): number {
    const length = this.#leaveOut(at)
    if (this.#inHeader || !this.#atStart) return length
    this.#lineEnd ??= 'LF'
    this.#out.push(LINE_ENDS[this.#lineEnd])
    this.lines++
    this.fileEnded = true
    return length
  }

  /** Of the file, from here on. */
  #leaveOut(at: number): number {
    this.#send(at, this.#bytes.length)
    return this.#bytes.length - at
  }
}

const isLineEnd = (byte: number | undefined): boolean => byte === LF || byte === CR

function badFile(message: string, hint?: string): PgError {
  return new PgError({ message, code: SQLSTATE.badCopyFileFormat, hint })
}
