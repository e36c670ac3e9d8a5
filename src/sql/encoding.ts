import type { PgErrorFields } from '../protocol/pg-error.ts'

/** What the server makes of texts (latin1, one char a byte) in a client encoding: each in UTF-8, or why it is none. */
export type DecodedTexts = ReadonlyMap<string, string | PgErrorFields>

/** A text whose characters only the server knows. */
export class UndecodedText extends Error {
  override readonly name = 'UndecodedText'
  readonly latin1: string

  constructor(latin1: string) {
    super('a text is to be decoded by the server')
    this.latin1 = latin1
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes of any encoding, read as most clients mean them. */
const SQL_ASCII = 'SQL_ASCII'

/**
 * Reads bytes (as latin1 text) in a client encoding; bytes that are not of it come out as they are, as do those of
 * encodings that only the server knows, and characters that an escape in the query text (U&'', E'') has made.
 */
export function decodeText(latin1: string, encoding: string): string {
  if (!isDecodable(encoding) || encoding === 'LATIN1') return latin1
  return latin1.replace(/[\x80-\xff]+/g, bytes => {
    try {
      return utf8.decode(Buffer.from(bytes, 'latin1'))
    } catch {
      return bytes
    }
  })
}

/** Whether decodeText() knows its characters. */
export const isDecodable = (encoding: string): boolean => ['UTF8', SQL_ASCII, 'LATIN1'].includes(encoding)

/** Every encoding has ASCII's characters as single bytes; so none of its other bytes are in the text. */
export const isAscii = (latin1: string): boolean => /^\p{ASCII}*$/u.test(latin1)
