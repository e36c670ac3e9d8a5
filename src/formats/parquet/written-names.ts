import { randomBytes } from 'node:crypto'
import { binary } from './thrift.ts'

const PREFIX_CHARS = 24
const TOKEN_CHARS = 32
/** The length that comes before a text in the metadata. */
const LENGTH_BYTE = TOKEN_CHARS
/** The length of the footer, and the magic. */
const TAIL_BYTES = 8
/** A token may still come in whole, and the tail is told from the rest only at the end. */
const HELD_BYTES = Math.max(TOKEN_CHARS + 1, TAIL_BYTES)

/**
 * Names of columns and fields, in place of which the engine gets tokens: it tells no names apart by case. The metadata of
 * what it writes gets the names back; that is at the file's end, and what is said there of places in the file stays true.
 */
export class WrittenNames {
  /** No value has it in it but by chance of 1 to 2^96. */
  readonly #prefix = randomBytes(PREFIX_CHARS / 2).toString('hex')
  readonly #names: string[] = []
  readonly #indexes = new Map<string, number>()
  #held: Buffer = Buffer.alloc(0)
  #added = 0

  tokenOf(name: string): string {
    const index = this.#indexes.get(name) ?? this.#names.push(name) - 1
    this.#indexes.set(name, index)
    return this.#prefix + index.toString(16).padStart(TOKEN_CHARS - PREFIX_CHARS, '0')
  }

  /** Of what the engine has written, as much as can be said already, in pieces. */
  restore(chunk: Buffer): Buffer[] {
    // Most chunks have no name in them, and none where they meet: those are not copied.
    const seam = Buffer.concat([this.#held, chunk.subarray(0, HELD_BYTES)])
    if (
      chunk.length >= HELD_BYTES &&
      !seam.includes(this.#prefix, 0, 'latin1') &&
      !chunk.includes(this.#prefix, 0, 'latin1')
    ) {
      const parts = [this.#held, chunk.subarray(0, -HELD_BYTES)]
      this.#held = Buffer.from(chunk.subarray(-HELD_BYTES))
      return parts
    }
    const bytes = Buffer.concat([this.#held, chunk])
    const parts: Buffer[] = []
    let done = 0
    for (;;) {
      const token = bytes.indexOf(this.#prefix, done, 'latin1')
      if (token < 0 || token + TOKEN_CHARS > bytes.length) break
      const name = this.#nameOf(bytes.toString('latin1', token + PREFIX_CHARS, token + TOKEN_CHARS))
      if (bytes[token - 1] !== LENGTH_BYTE || name === undefined) throw new Error('a name of ours in another place')
      const restored = binary(name).bytes
      parts.push(bytes.subarray(done, token - 1), restored)
      this.#added += restored.length - TOKEN_CHARS - 1
      done = token + TOKEN_CHARS
    }
    const end = Math.max(done, bytes.length - HELD_BYTES)
    this.#held = bytes.subarray(end)
    return [...parts, bytes.subarray(done, end)]
  }

  /** The rest of the file. */
  end(): Buffer {
    const rest = Buffer.from(this.#held)
    const tail = rest.length - TAIL_BYTES
    if (tail >= 0) rest.writeUInt32LE(rest.readUInt32LE(tail) + this.#added, tail)
    return rest
  }

  #nameOf(index: string): string | undefined {
    return this.#names[Number.parseInt(index, 16)]
  }
}

/** No name comes twice: readers find columns by their names. */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Set(names)
  const used = new Set<string>()
  return names.map(name => {
    let distinct = name
    for (let i = 1; used.has(distinct); i++) {
      const numbered = `${name}_${i}`
      if (!taken.has(numbered)) distinct = numbered
    }
    used.add(distinct)
    return distinct
  })
}
