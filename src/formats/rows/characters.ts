/*
 * Where characters begin and end in the encodings of PostgreSQL. Whether they are any, and which, is the server's to say.
 */

type CharacterLength = (bytes: Buffer, at: number) => number

const SS2 = 0x8e
const SS3 = 0x8f
const HIGH = 0x80

/** No encoding has a byte below this one within a character. */
const FIRST_TRAIL_BYTE = 0x30

const twoBytes: CharacterLength = (bytes, at) => (byteAt(bytes, at) >= HIGH ? 2 : 1)

const euc =
  (afterSs2: number): CharacterLength =>
  (bytes, at) => {
    const lead = byteAt(bytes, at)
    if (lead === SS2) return afterSs2
    return lead === SS3 ? 3 : twoBytes(bytes, at)
  }

const shiftJis: CharacterLength = (bytes, at) => {
  const lead = byteAt(bytes, at)
  return lead >= 0xa1 && lead <= 0xdf ? 1 : twoBytes(bytes, at)
}

const gb18030: CharacterLength = (bytes, at) => {
  const second = byteAt(bytes, at + 1)
  return byteAt(bytes, at) >= HIGH && second >= 0x30 && second <= 0x39 ? 4 : twoBytes(bytes, at)
}

const mule: CharacterLength = (bytes, at) => {
  const lead = byteAt(bytes, at)
  if (lead >= 0x81 && lead <= 0x8d) return 2
  if (lead >= 0x90 && lead <= 0x9b) return 3
  return lead === 0x9c || lead === 0x9d ? 4 : 1
}

const utf8: CharacterLength = (bytes, at) => {
  const lead = byteAt(bytes, at)
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  if (lead < 0xf0) return 3
  return lead < 0xf8 ? 4 : 1
}

/** By the first bytes of a character. In the others each byte is one. Source: pg_encoding_mblen() in common/wchar.c. */
const LENGTHS: Readonly<Record<string, CharacterLength>> = {
  UTF8: utf8,
  EUC_JP: euc(2),
  EUC_JIS_2004: euc(2),
  EUC_KR: euc(2),
  EUC_TW: euc(4),
  EUC_CN: twoBytes,
  JOHAB: euc(2),
  SJIS: shiftJis,
  SHIFT_JIS_2004: shiftJis,
  BIG5: twoBytes,
  GBK: twoBytes,
  UHC: twoBytes,
  GB18030: gb18030,
  MULE_INTERNAL: mule,
}

export const isMultiByte = (encoding: string): boolean => encoding in LENGTHS

/** How many bytes the character at `at` has by its first ones, whether they are there or not. */
export function characterLength(bytes: Buffer, at: number, encoding: string): number {
  return LENGTHS[encoding]?.(bytes, at) ?? 1
}

/** Where each character ends. */
export function characterEnds(bytes: Buffer, encoding: string): number[] {
  const ends: number[] = []
  for (let at = 0; at < bytes.length; ) {
    at = Math.min(bytes.length, at + characterLength(bytes, at, encoding))
    ends.push(at)
  }
  return ends
}

/**
 * How many of `bytes`, which begin with a character, can be converted apart from the next: a few less than all, for some
 * have to be seen behind them.
 */
export function separableLength(bytes: Buffer, encoding: string): number {
  const most = bytes.length - LOOKAHEAD
  if (!isMultiByte(encoding)) return most
  for (let at = most; at > most / 2; at--) if (byteAt(bytes, at - 1) < FIRST_TRAIL_BYTE) return at
  return characterEnds(bytes, encoding).findLast(end => end <= most && !isCombining(bytes, end, encoding)) ?? most
}

/** What an error may have to tell of what follows, and more than the longest character. */
export const LOOKAHEAD = 8

/** Characters that are converted together with the one before, to the encodings of JIS X 0213. */
const COMBINING = ['\u0300', '\u0301', '\u02e5', '\u02e9', '\u309a'].map(char => Buffer.from(char))

const isCombining = (bytes: Buffer, at: number, encoding: string): boolean =>
  encoding === 'UTF8' && COMBINING.some(char => char.equals(bytes.subarray(at, at + char.length)))

const byteAt = (bytes: Buffer, at: number): number => bytes[at] ?? 0
