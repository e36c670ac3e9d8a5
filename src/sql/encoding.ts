import { findEncoding } from '../protocol/encodings.ts'

/**
 * Reads bytes (as latin1 text) in a client encoding; bytes that are not of it come out as they are, and so do characters
 * that an escape in the query text (U&'', E'') has made.
 */
export function decodeText(latin1: string, encoding: string): string {
  if (encoding === 'LATIN1') return latin1
  const decoder = new TextDecoder(findEncoding(encoding)?.label ?? 'utf-8', { fatal: true })
  // Node's fast path takes windows-1252 for latin1, unless it streams; single bytes leave nothing behind.
  const options = { stream: encoding === 'WIN1252' }
  return latin1.replace(/[\x80-\xff]+/g, bytes => {
    try {
      return decoder.decode(Buffer.from(bytes, 'latin1'), options)
    } catch {
      return bytes
    }
  })
}

/** Every encoding has ASCII's characters as single bytes; so none of its other bytes are in the text. */
export const isAscii = (latin1: string): boolean => /^\p{ASCII}*$/u.test(latin1)
