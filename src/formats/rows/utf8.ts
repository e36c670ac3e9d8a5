import { isUtf8 } from 'node:buffer'

/** How long a character is by its first byte, as PostgreSQL's pg_utf_mblen() has it. */
export function utf8Length(lead: number): number {
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  if (lead < 0xf0) return 3
  return lead < 0xf8 ? 4 : 1
}

/** Where the last character begins if it is cut off by the end of `bytes`, else their length. */
export function utf8CutOff(bytes: Buffer): number {
  const end = bytes.length
  for (let at = end - 1; at >= 0 && at >= end - 3; at--) {
    const byte = bytes[at] as number
    if (byte >= 0xc0) return at + utf8Length(byte) > end ? at : end
    if (byte < 0x80) return end
  }
  return end
}

/** The offset of the first byte that PostgreSQL takes in no UTF-8 text, NUL included; the length if there is none. */
export function utf8ValidLength(bytes: Buffer): number {
  const nul = bytes.indexOf(0)
  const text = nul < 0 ? bytes : bytes.subarray(0, nul)
  if (isUtf8(text)) return text.length
  let low = 0
  let high = text.length
  // Halving: a prefix is valid when what is whole of it is.
  while (high - low > 4) {
    const middle = low + ((high - low) >> 1)
    const whole = utf8CutOff(text.subarray(low, middle))
    if (isUtf8(text.subarray(low, low + whole)) && whole > 0) low += whole
    else high = middle
  }
  for (;;) {
    const next = low + utf8Length(text[low] as number)
    if (next > text.length || !isUtf8(text.subarray(low, next))) return low
    low = next
  }
}
