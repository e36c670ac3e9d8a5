/** Whether a name may be a pattern: one without these is a name. */
export const mayBePattern = (path: string): boolean => /[*?[]/.test(path)

/** Names of blobs that a pattern stands for. */
export interface Pattern {
  /** What all of them begin with. */
  readonly prefix: string
  matches(name: string): boolean
}

/** A step of a pattern: what the next character may be. */
interface Part {
  readonly accepts: (char: number) => boolean
  /** The one that it accepts alone. */
  readonly literal?: number
  /** It may accept more than one. */
  readonly repeats?: boolean
  /** How many steps further it may also go on, with the same character. */
  readonly skips?: readonly number[]
}

const SLASH = 0x2f
const BACKSLASH = '\\'

const ANY: Part = { accepts: char => char !== SLASH }
const STAR: Part = { ...ANY, repeats: true, skips: [1] }
const ANYTHING: Part = { accepts: () => true, repeats: true, skips: [1] }
/** Before ANYTHING and a slash: they may be there, or not. */
const PERHAPS: Part = { accepts: () => false, skips: [1, 3] }

/**
 * `*` and `?` stand for characters that are no slash, `[a-z]` and `[!a-z]` for one of them, `**` for any characters, `**` between
 * slashes for any folders or none. A backslash takes the meaning from what follows. A string: the pattern stands for that name alone.
 */
export function parsePattern(pattern: string): Pattern | string {
  const parts = readParts(Array.from(pattern))
  const wild = parts.findIndex(({ literal }) => literal === undefined)
  const literals = wild < 0 ? parts : parts.slice(0, wild)
  const prefix = String.fromCodePoint(...literals.map(({ literal }) => literal as number))
  if (wild < 0) return prefix
  const rest = parts.slice(wild)
  return { prefix, matches: name => name.startsWith(prefix) && matches(rest, name.slice(prefix.length)) }
}

function readParts(chars: readonly string[]): Part[] {
  const parts: Part[] = []
  for (let i = 0; i < chars.length; ) {
    const char = chars[i] as string
    if (char === '*') {
      let end = i + 1
      while (chars[end] === '*') end++
      const isSegment = (i === 0 || chars[i - 1] === '/') && chars[end] === '/'
      if (end - i === 1) parts.push(STAR)
      else parts.push(...(isSegment ? [PERHAPS, ANYTHING] : [ANYTHING]))
      i = end
    } else if (char === '?') {
      parts.push(ANY)
      i++
    } else {
      const found = char === '[' ? readClass(chars, i + 1) : undefined
      const escapes = char === BACKSLASH && i + 1 < chars.length
      parts.push(found?.part ?? literalPart(chars[escapes ? i + 1 : i] as string))
      i = found?.end ?? i + (escapes ? 2 : 1)
    }
  }
  return parts
}

function literalPart(char: string): Part {
  const literal = char.codePointAt(0) as number
  return { literal, accepts: other => other === literal }
}

/** From behind its bracket; undefined where none closes it before a slash: then it is one. */
function readClass(chars: readonly string[], start: number): { part: Part; end: number } | undefined {
  const isNegated = chars[start] === '!' || chars[start] === '^'
  const first = isNegated ? start + 1 : start
  const members: { code: number; isEscaped: boolean }[] = []
  let i = first
  for (; chars[i] !== ']' || i === first; i++) {
    const isEscaped = chars[i] === BACKSLASH
    if (isEscaped) i++
    const code = chars[i]?.codePointAt(0)
    if (code === undefined || code === SLASH) return undefined
    members.push({ code, isEscaped })
  }
  const ranges = readRanges(members)
  const [range] = ranges
  if (!isNegated && ranges.length === 1 && range?.[0] === range?.[1]) {
    return { part: literalPart(String.fromCodePoint(range?.[0] as number)), end: i + 1 }
  }
  const isMember = (char: number): boolean => ranges.some(([from, to]) => from <= char && char <= to)
  return { part: { accepts: char => char !== SLASH && isMember(char) !== isNegated }, end: i + 1 }
}

function readRanges(members: readonly { code: number; isEscaped: boolean }[]): [number, number][] {
  const ranges: [number, number][] = []
  for (let i = 0; i < members.length; i++) {
    const from = (members[i] as { code: number }).code
    const dash = members[i + 1]
    const to = members[i + 2]
    const isRange = dash?.code === 0x2d && !dash.isEscaped && to !== undefined
    ranges.push([from, isRange ? to.code : from])
    if (isRange) i += 2
  }
  return ranges
}

/** All parts that may come next, character by character: no pattern and no name makes it try twice. */
function matches(parts: readonly Part[], name: string): boolean {
  const marks = new Uint32Array(parts.length + 1)
  let round = 0
  let next: number[] = []
  const enter = (at: number): void => {
    for (const open = [at]; open.length > 0; ) {
      const state = open.pop() as number
      if (marks[state] === round) continue
      marks[state] = round
      next.push(state)
      open.push(...(parts[state]?.skips ?? []).map(skipped => state + skipped))
    }
  }
  const begin = (): number[] => {
    const reached = next
    next = []
    round++
    return reached
  }
  begin()
  enter(0)
  for (const char of name) {
    const code = char.codePointAt(0) as number
    for (const state of begin()) {
      const part = parts[state]
      if (!part?.accepts(code)) continue
      enter(part.repeats ? state : state + 1)
    }
    if (next.length === 0) return false
  }
  return next.includes(parts.length)
}
