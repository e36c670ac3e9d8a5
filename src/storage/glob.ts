/** Whether a name may be a pattern: one without these is a name. */
export const mayBePattern = (path: string): boolean => /[*?[]/.test(path)

/** Names of blobs that a pattern stands for. */
export interface Pattern {
  /** What all of them begin with. */
  readonly prefix: string
  matches(name: string): boolean
}

/** A step of a pattern: what the next character may be; without any of these, no character. */
interface Part {
  /** This one alone. */
  readonly literal?: number
  /** Any but a slash; `all`: that too. */
  readonly any?: 'all' | 'but slash'
  /** One of these, or none of them, and no slash. */
  readonly charClass?: CharClass
  /** It may accept more than one. */
  readonly repeats?: boolean
  /** How many steps further it may also go on, with the same character. */
  readonly skips?: readonly number[]
}

interface CharClass {
  /** The first and the last of each range. */
  readonly bounds: readonly number[]
  readonly isNegated: boolean
}

const SLASH = 0x2f
const BACKSLASH = '\\'
/** PERHAPS, ANYTHING, and what is behind them. */
const MAX_SKIPS = 3
const MAX_KEPT_CHARS = 256

const ANY: Part = { any: 'but slash' }
const STAR: Part = { ...ANY, repeats: true, skips: [1] }
const ANYTHING: Part = { any: 'all', repeats: true, skips: [1] }
/** Before ANYTHING and a slash: they may be there, or not. */
const PERHAPS: Part = { skips: [1, 3] }

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

const literalPart = (char: string): Part => ({ literal: char.codePointAt(0) as number })

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
  return { part: { charClass: { bounds: ranges.flat(), isNegated } }, end: i + 1 }
}

/** Without iterators, which before they are compiled take ten times as long. */
function isIn({ bounds }: CharClass, char: number): boolean {
  for (let i = 0; i < bounds.length; i += 2) {
    if ((bounds[i] as number) <= char && char <= (bounds[i + 1] as number)) return true
  }
  return false
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
 * All parts that may come next are one set of bits, so that no pattern and no name takes long: of a thousand characters
 * each, the worst takes a few milliseconds.
 */
class PartSet {
  readonly #length: number
  readonly #words: number
  /** From where it may also go on one part further, or three. */
  readonly #skippingOne: Uint32Array
  readonly #skippingThree: Uint32Array
  readonly #repeating: Uint32Array
  /** What takes a slash, and what takes any other character that no part names. */
  readonly #takingSlash: Uint32Array
  readonly #takingOther: Uint32Array
  /** Where in the pattern characters and classes are. */
  readonly #literals = new Map<number, number[]>()
  readonly #classes: { readonly at: number; readonly charClass: CharClass }[] = []
  readonly #accepting = new Map<number, Uint32Array>()

  constructor(parts: readonly Part[]) {
    this.#length = parts.length
    this.#words = (parts.length >>> 5) + 1
    const setOf = (isMember: (part: Part) => boolean): Uint32Array => {
      const set = new Uint32Array(this.#words)
      for (const [i, part] of parts.entries()) if (isMember(part)) toggle(set, i)
      return set
    }
    this.#repeating = setOf(({ repeats }) => repeats === true)
    this.#skippingOne = setOf(({ skips }) => skips?.includes(1) === true)
    this.#skippingThree = setOf(({ skips }) => skips?.includes(3) === true)
    this.#takingSlash = setOf(({ any }) => any === 'all')
    this.#takingOther = setOf(({ any, charClass }) => any !== undefined || charClass?.isNegated === true)
    for (const [at, { literal, charClass }] of parts.entries()) {
      if (charClass) this.#classes.push({ at, charClass })
      if (literal === undefined) continue
      const places = this.#literals.get(literal)
      if (places) places.push(at)
      else this.#literals.set(literal, [at])
    }
  }

  matches(name: string): boolean {
    const end = this.#length
    const states = new Uint32Array(this.#words)
    states[0] = 1
    this.#skip(states)
    for (const char of name) {
      const accepting = this.#acceptingOf(char.codePointAt(0) as number)
      let any = 0
      let carried = 0
      for (let i = 0; i < states.length; i++) {
        const accepted = (states[i] as number) & (accepting[i] as number)
        const repeating = accepted & (this.#repeating[i] as number)
        const moving = accepted ^ repeating
        any |= accepted
        states[i] = repeating | (moving << 1) | carried
        carried = moving >>> 31
      }
      if (any === 0) return false
      this.#skip(states)
    }
    return (((states[end >>> 5] as number) >>> (end & 31)) & 1) === 1
  }

  /** After folders that are not there, a star that is nothing. */
  #skip(states: Uint32Array): void {
    const [one, three] = [this.#skippingOne, this.#skippingThree]
    for (let depth = 0; depth < MAX_SKIPS; depth++) {
      let carried = 0
      for (let i = 0; i < states.length; i++) {
        const from = states[i] as number
        const byOne = from & (one[i] as number)
        const byThree = from & (three[i] as number)
        states[i] = from | (byOne << 1) | (byThree << 3) | carried
        carried = (byOne >>> 31) | (byThree >>> 29)
      }
    }
  }

  #acceptingOf(char: number): Uint32Array {
    let found = this.#accepting.get(char)
    if (found === undefined) {
      found = (char === SLASH ? this.#takingSlash : this.#takingOther).slice()
      for (const i of this.#literals.get(char) ?? []) toggle(found, i)
      if (char !== SLASH) for (const { at, charClass } of this.#classes) if (isIn(charClass, char)) toggle(found, at)
      if (this.#accepting.size < MAX_KEPT_CHARS) this.#accepting.set(char, found)
    }
    return found
  }
}

function toggle(set: Uint32Array, i: number): void {
  set[i >>> 5] = (set[i >>> 5] as number) ^ (1 << (i & 31))
}
