import { isUtf8 } from 'node:buffer'

const BLOCK_BYTES = 16 * 1024

/** The offset of the first byte that PostgreSQL takes in no text of this encoding, NUL included; else the length. */
export function validLength(bytes: Buffer, encoding: string): number {
  const nul = bytes.indexOf(0)
  const text = nul < 0 ? bytes : bytes.subarray(0, nul)
  if (encoding !== 'UTF8' || isUtf8(text)) return text.length
  let valid = 0
  // Block by block first: to look at each character of a large value takes seconds.
  for (;;) {
    const block = text.subarray(valid, valid + BLOCK_BYTES)
    const whole = wholeLength(block, encoding)
    if (whole === 0 || !isUtf8(block.subarray(0, whole))) break
    valid += whole
  }
  for (;;) {
    const next = valid + utf8Length(text[valid] as number)
    if (next > text.length || !isUtf8(text.subarray(valid, next))) return valid
    valid = next
  }
}

/** The bytes that PostgreSQL blames when what is at `at` is not valid. */
export function characterAt(bytes: Buffer, at: number, encoding: string): Buffer {
  return bytes.subarray(at, at + (encoding === 'UTF8' ? utf8Length(bytes[at] as number) : 1))
}

/** Where the last character begins if the end of `bytes` cuts it off, else their length. */
export function wholeLength(bytes: Buffer, encoding: string): number {
  const end = bytes.length
  if (encoding !== 'UTF8') return end
  for (let at = end - 1; at >= 0 && at >= end - 3; at--) {
    const byte = bytes[at] as number
    if (byte >= 0xc0) return at + utf8Length(byte) > end ? at : end
    if (byte < 0x80) return end
  }
  return end
}

/** By its first byte, as PostgreSQL's pg_utf_mblen() has it. */
function utf8Length(lead: number): number {
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  if (lead < 0xf0) return 3
  return lead < 0xf8 ? 4 : 1
}
