import { isUtf8 } from 'node:buffer'
import { characterLength } from './characters.ts'

const BLOCK_BYTES = 16 * 1024
const UTF8 = 'UTF8'

const EUC_JP = /(?:[^\x80-\xff]|\x8e[\xa1-\xdf]|\x8f?[\xa1-\xfe]{2})*/y
const EUC = /(?:[^\x80-\xff]|[\xa1-\xfe]{2})*/y

/**
 * What the encodings of databases take, as latin1: for the few characters that escapes in a file can make. All else that is
 * not UTF-8 the server has checked. Source: pg_encoding_verifymbchar() in common/wchar.c.
 */
const VALID: Readonly<Record<string, RegExp>> = {
  EUC_JP,
  EUC_JIS_2004: EUC_JP,
  EUC_KR: EUC,
  EUC_CN: EUC,
  EUC_TW: /(?:[^\x80-\xff]|\x8e[\xa1-\xa7][\xa1-\xfe]{2}|[\x80-\x8d\x90-\xff][\xa1-\xfe])*/y,
  MULE_INTERNAL:
    /(?:[^\x80-\xff]|[\x81-\x8d][\x80-\xff]|[\x90-\x9b][\x80-\xff]{2}|[\x9c\x9d][\x80-\xff]{3}|[\x80\x8e\x8f\x9e-\xff])*/y,
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
  const valid = VALID[encoding]
  if (valid === undefined) return length
  // A block may end inside a character, with which the next one begins.
  for (let at = 0; at < length; at += valid.lastIndex) {
    valid.lastIndex = 0
    valid.test(bytes.toString('latin1', at, Math.min(length, at + BLOCK_BYTES)))
    if (valid.lastIndex === 0) return at
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
