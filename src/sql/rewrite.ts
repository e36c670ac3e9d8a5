interface Piece {
  readonly start: number
  readonly end: number
  readonly origin: number
  /** The piece is the original's own text, so that every position in it has its own origin. */
  readonly verbatim: boolean
}

/** Builds a query text out of pieces of the original and new ones, and remembers where each comes from. */
export class Rewrite {
  readonly #original: string
  readonly #pieces: Piece[] = []
  #text = ''

  constructor(original: string) {
    this.#original = original
  }

  get text(): string {
    return this.#text
  }

  /** Original text from `start` to `end`. */
  keep(start: number, end: number): this {
    return this.#add(this.#original.slice(start, end), start, true)
  }

  /** New text in the place of what stood at `origin`. */
  put(text: string, origin: number): this {
    return this.#add(text, origin, false)
  }

  /** Appends what another rewrite of the same original has built. */
  append(other: Rewrite): this {
    const shift = this.#text.length
    for (const piece of other.#pieces) {
      this.#pieces.push({ ...piece, start: piece.start + shift, end: piece.end + shift })
    }
    this.#text += other.#text
    return this
  }

  /** Where in the original an offset into the new text comes from. */
  originOf(offset: number): number {
    const piece = this.#pieces.find(({ start, end }) => start <= offset && offset < end)
    if (piece === undefined) return this.#original.length
    return piece.verbatim ? piece.origin + offset - piece.start : piece.origin
  }

  #add(text: string, origin: number, verbatim: boolean): this {
    this.#pieces.push({ start: this.#text.length, end: this.#text.length + text.length, origin, verbatim })
    this.#text += text
    return this
  }
}

/** A statement with other text in the place of some parts, which are in the order of the text. */
export function rewriteParts(
  { start, end }: { readonly start: number; readonly end: number },
  parts: readonly { readonly start: number; readonly end: number; readonly text: string }[],
  original: string,
): Rewrite {
  const rewrite = new Rewrite(original)
  let done = start
  for (const part of parts) {
    rewrite.keep(done, part.start).put(part.text, part.start)
    done = part.end
  }
  return rewrite.keep(done, end)
}
