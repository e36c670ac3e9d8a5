import { isUtf8 } from 'node:buffer'
import { characterLength } from './characters.ts'

const BLOCK_BYTES = 16 * 1024
const UTF8 = 'UTF8'

const EUC_CHARACTER = /^[\xa1-\xfe]{2}$/
const EUC_JP_CHARACTER = /^(\x8e[\xa1-\xdf]|\x8f?[\xa1-\xfe]{2})$/

/**
 * What the encodings of databases take for a character beyond ASCII: for the few that escapes in a file can make. All else
 * that is not UTF-8 the server has checked. Source: pg_encoding_verifymbchar() in common/wchar.c.
 */
const CHARACTERS: Readonly<Record<string, RegExp>> = {
  EUC_JP: EUC_JP_CHARACTER,
  EUC_JIS_2004: EUC_JP_CHARACTER,
  EUC_KR: EUC_CHARACTER,
  EUC_CN: EUC_CHARACTER,
  EUC_TW: /^(\x8e[\xa1-\xa7][\xa1-\xfe]{2}|[^\x8e\x8f][\xa1-\xfe])$/,
  MULE_INTERNAL:
    /^([\x81-\x8d][\x80-\xff]|[\x90-\x9b][\x80-\xff]{2}|[\x9c\x9d][\x80-\xff]{3}|[\x80\x8e\x8f\x9e-\xff])$/,
}

/**
 * The offset of the first byte that PostgreSQL takes in no text of this encoding, NUL included; else the length. Of
 * encodings that the server checks, NUL alone.
 */
export function validLength(bytes: Buffer, encoding: string): number {
  const nul = bytes.indexOf(0)
  const text = nul < 0 ? bytes : bytes.subarray(0, nul)
  if (encoding !== UTF8 || isUtf8(text)) return text.length
  let valid = 0
  // Block by block first: to look at each character of a large value takes seconds.
  for (;;) {
    const block = text.subarray(valid, valid + BLOCK_BYTES)
    const whole = wholeLength(block, encoding)
    if (whole === 0 || !isUtf8(block.subarray(0, whole))) break
    valid += whole
  }
  for (;;) {
    const next = valid + characterLength(text, valid, UTF8)
    if (next > text.length || !isUtf8(text.subarray(valid, next))) return valid
    valid = next
  }
}

/** The same of bytes that the server has not seen. */
export function validLengthUnseen(bytes: Buffer, encoding: string): number {
  const length = validLength(bytes, encoding)
  const character = CHARACTERS[encoding]
  if (character === undefined) return length
  for (let at = 0; at < length; ) {
    const next = at + characterLength(bytes, at, encoding)
    if (next > at + 1 || (bytes[at] as number) >= 0x80) {
      if (next > length || !character.test(bytes.toString('latin1', at, next))) return at
    }
    at = next
  }
  return length
}

/** The bytes that PostgreSQL blames when what is at `at` is not valid. */
export function characterAt(bytes: Buffer, at: number, encoding: string): Buffer {
  return bytes.subarray(at, at + characterLength(bytes, at, encoding))
}

/** Where the last character begins if the end of `bytes` cuts it off, else their length; the server has seen to others. */
export function wholeLength(bytes: Buffer, encoding: string): number {
  const end = bytes.length
  if (encoding !== UTF8) return end
  for (let at = end - 1; at >= 0 && at >= end - 3; at--) {
    const byte = bytes[at] as number
    if (byte >= 0xc0) return at + characterLength(bytes, at, UTF8) > end ? at : end
    if (byte < 0x80) return end
  }
  return end
}
