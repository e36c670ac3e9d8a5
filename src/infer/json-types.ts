import { TYPE } from './type-bits.ts'

/** Nested deeper, PostgreSQL's stack may end. */
const MAX_DEPTH = 500
/** jsonb has limits for a string, an array and an object of its own. */
const MAX_JSONB_CHARS = 50 * 1024 * 1024
/** What json takes and jsonb does not: escapes that may be of no character, and numbers that numeric may not hold. */
const NOT_JSONB = /\\u(?:0000|d[89a-f])|\d[eE][+-]?\d{3}|(?<!\d)\d{1000}/i

/** Whether a text is JSON as PostgreSQL reads it, and one that jsonb holds. */
export function jsonTypes(text: string): number {
  try {
    JSON.parse(text)
  } catch {
    return 0
  }
  if (depthOf(text) > MAX_DEPTH) return 0
  return text.length > MAX_JSONB_CHARS || NOT_JSONB.test(text) ? TYPE.json : TYPE.json | TYPE.jsonb
}

/** At most: brackets in strings count as well. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (char === 0x7d || char === 0x5d) depth--
  }
  return deepest
}
