/** A literal, char by char: where in it those of its value are, and how others are written in it. */
export interface LiteralText {
  /** Of the value's end: that of the literal's last quote. */
  originOf(offset: number): number
  encode(text: string): string
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const DOLLARS = /^\$[^$]*\$/

/** Undefined where it is written in a way that is not told here, as with the codes of characters. */
export function readLiteral(
  literal: string,
  value: string,
  standardConformingStrings: boolean,
): LiteralText | undefined {
  const tag = DOLLARS.exec(literal)?.[0]
  if (tag !== undefined) return { originOf: offset => offset + tag.length, encode: text => text }
  const prefix = /^[^']*/.exec(literal)?.[0].toLowerCase() ?? ''
  if (prefix !== '' && prefix !== 'e') return undefined
  const escapes = prefix === 'e' || !standardConformingStrings
  const origins = new Uint32Array(value.length + 1)
  let length = 0
  let at = prefix.length + 1
  for (; at < literal.length - 1; at++) {
    let char = literal[at] as string
    const origin = at
    if (char === "'" || (char === '\\' && escapes)) {
      const next = literal[++at] as string
      if (char === "'" ? next !== "'" : /[0-7xuU]/.test(next)) return undefined
      char = char === '\\' ? (ESCAPES[next] ?? next) : next
    }
    if (char !== value[length]) return undefined
    origins[length++] = origin
  }
  if (length !== value.length) return undefined
  origins[length] = literal.length - 1
  return {
    originOf: offset => origins[offset] ?? literal.length - 1,
    encode: text => text.replaceAll(escapes ? /['\\]/g : /'/g, char => char + char),
  }
}
