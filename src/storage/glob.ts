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
/** PERHAPS, ANYTHING, and what is behind them. */
const MAX_SKIPS = 3
const MAX_KEPT_CHARS = 256

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
  const rest = new PartSet(parts.slice(wild))
  return { prefix, matches: name => name.startsWith(prefix) && rest.matches(name.slice(prefix.length)) }
}

function readParts(chars: readonly string[]): Part[] {
  const parts: Part[] = []
  /** No bracket before is closed. */
  let unclosed = 0
  for (let i = 0; i < chars.length; ) {
    const char = chars[i] as string
    if (char === '*') {
      let end = i + 1
      while (chars[end] === '*') end++
      const isSegment = (i === 0 || chars[i - 1] === '/') && chars[end] === '/'
      if (end - i === 1) parts.push(STAR)
      else if (!isSegment) parts.push(ANYTHING)
      // Once more it would say the same.
      else if (parts.at(-3) !== PERHAPS) parts.push(PERHAPS, ANYTHING)
      else end++
      i = end
    } else if (char === '?') {
      parts.push(ANY)
      i++
    } else {
      const found = char === '[' && i >= unclosed ? readClass(chars, i + 1) : undefined
      if (found?.part === undefined) unclosed = found?.end ?? unclosed
      const escapes = char === BACKSLASH && i + 1 < chars.length
      parts.push(found?.part ?? literalPart(chars[escapes ? i + 1 : i] as string))
      i = found?.part ? found.end : i + (escapes ? 2 : 1)
    }
  }
  return parts
}

function literalPart(char: string): Part {
  const literal = char.codePointAt(0) as number
  return { literal, accepts: other => other === literal }
}

/** From behind its bracket, to behind the one that closes it; without a part, where none does before a slash. */
function readClass(chars: readonly string[], start: number): { part?: Part; end: number } {
  const isNegated = chars[start] === '!' || chars[start] === '^'
  const first = isNegated ? start + 1 : start
  const members: { code: number; isEscaped: boolean }[] = []
  let i = first
  for (; chars[i] !== ']' || i === first; i++) {
    const isEscaped = chars[i] === BACKSLASH
    if (isEscaped) i++
    const code = chars[i]?.codePointAt(0)
    if (code === undefined || code === SLASH) return { end: i }
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

/**
 * All parts that may come next are one set of bits, so that no pattern and no name takes long: a thousand characters of each
 * take a millisecond.
 */
class PartSet {
  readonly #parts: readonly Part[]
  readonly #words: number
  /** By how many parts further it may go on. */
  readonly #skipping: readonly (readonly [number, Uint32Array])[]
  readonly #repeating: Uint32Array
  readonly #accepting = new Map<number, Uint32Array>()

  constructor(parts: readonly Part[]) {
    this.#parts = parts
    this.#words = (parts.length >>> 5) + 1
    this.#repeating = this.#setOf(({ repeats }) => repeats === true)
    this.#skipping = [1, 3].map(by => [by, this.#setOf(({ skips }) => skips?.includes(by) === true)] as const)
  }

  matches(name: string): boolean {
    const { length: end } = this.#parts
    const states = new Uint32Array(this.#words)
    const moving = new Uint32Array(this.#words)
    states[0] = 1
    this.#skip(states)
    for (const char of name) {
      const accepting = this.#acceptingOf(char.codePointAt(0) as number)
      let any = 0
      for (let i = 0; i < states.length; i++) {
        const accepted = (states[i] as number) & (accepting[i] as number)
        const repeating = this.#repeating[i] as number
        any |= accepted
        states[i] = accepted & repeating
        moving[i] = accepted & ~repeating
      }
      if (any === 0) return false
      addShifted(states, moving, moving, 1)
      this.#skip(states)
    }
    return (((states[end >>> 5] as number) >>> (end & 31)) & 1) === 1
  }

  /** After folders that are not there, a star that is nothing. */
  #skip(states: Uint32Array): void {
    for (let depth = 0; depth < MAX_SKIPS; depth++) {
      for (const [by, skipping] of this.#skipping) addShifted(states, states, skipping, by)
    }
  }

  #acceptingOf(char: number): Uint32Array {
    let found = this.#accepting.get(char)
    if (found === undefined) {
      found = this.#setOf(({ accepts }) => accepts(char))
      if (this.#accepting.size < MAX_KEPT_CHARS) this.#accepting.set(char, found)
    }
    return found
  }

  #setOf(isMember: (part: Part) => boolean): Uint32Array {
    const set = new Uint32Array(this.#words)
    this.#parts.forEach((part, i) => {
      if (isMember(part)) set[i >>> 5] = (set[i >>> 5] as number) | (1 << (i & 31))
    })
    return set
  }
}

/** Adds what is in both sets, each moved on by a few. */
function addShifted(target: Uint32Array, set: Uint32Array, other: Uint32Array, by: number): void {
  let carried = 0
  for (let i = 0; i < target.length; i++) {
    const word = (set[i] as number) & (other[i] as number)
    target[i] = (target[i] as number) | (word << by) | carried
    carried = word >>> (32 - by)
  }
}
