import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

export interface HeaderRules {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
}

const MAX_HEADER_BYTES = 1024 * 1024
const LF = 0x0a
const CR = 0x0d

/** The names in a csv file's first line, by COPY's rules; none where there is no line. COPY itself compares them. @throws PgError */
export async function readCsvHeader(chunks: AsyncIterable<Buffer>, rules: HeaderRules): Promise<Buffer[]> {
  const header = new CsvHeader(rules)
  let bytes = 0
  for await (const chunk of chunks) {
    if (header.push(chunk)) return header.names
    bytes += chunk.length
    if (bytes > MAX_HEADER_BYTES) throw tooLong()
  }
  return bytes === 0 ? [] : header.end()
}

/** The values in a csv file's first record. */
export function csvFields(bytes: Buffer, rules: HeaderRules): Buffer[] {
  const header = new CsvHeader(rules)
  return header.push(bytes) ? header.names : header.end()
}

class CsvHeader {
  readonly names: Buffer[] = []
  readonly #rules: HeaderRules
  #name: number[] = []
  #inQuotes = false
  #sawEscape = false

  constructor(rules: HeaderRules) {
    this.#rules = rules
  }

  /** Whether the line has ended. */
  push(chunk: Buffer): boolean {
    const { delimiter, quote, escape: escapeByte } = this.#rules
    for (const byte of chunk) {
      if (this.#sawEscape) {
        this.#sawEscape = false
        if (byte === escapeByte || byte === quote) {
          this.#name.push(byte)
          continue
        }
        if (escapeByte === quote) this.#inQuotes = false
        else this.#name.push(escapeByte)
      }
      if (this.#inQuotes) {
        if (byte === escapeByte) this.#sawEscape = true
        else if (byte === quote) this.#inQuotes = false
        else this.#name.push(byte)
      } else if (byte === LF || byte === CR) {
        this.end()
        return true
      } else if (byte === quote) this.#inQuotes = true
      else if (byte === delimiter) this.#endName()
      else this.#name.push(byte)
    }
    return false
  }

  end(): Buffer[] {
    this.#endName()
    return this.names
  }

  #endName(): void {
    this.names.push(Buffer.from(this.#name))
    this.#name = []
  }
}

const tooLong = (): PgError =>
  new PgError({
    message: 'azure_storage: the header of the blob is larger than 1 MB',
    code: SQLSTATE.programLimitExceeded,
  })
