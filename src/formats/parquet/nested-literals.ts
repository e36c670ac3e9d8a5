import type { ParquetColumn, Shape } from './shape.ts'

/*
 * PostgreSQL's text of an array or composite → JSON of the same structure whose scalars are all texts, byte by byte: a
 * value may be large, and is never there as a whole.
 */

/** What Parquet has no form for, in words for the user. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError'
}

/** Takes the bytes of one value after another, in UTF-8; what they are quoted with is undone. Throws LiteralError. */
export interface ValueReader {
  begin(): void
  put(byte: number): void
  end(): void
}

/** Takes JSON. */
export interface JsonSink {
  ascii(text: string): void
  /** Of a string; it may have to be escaped. */
  byte(byte: number): void
}

export function createReader(shape: Shape, sink: JsonSink): ValueReader {
  switch (shape.kind) {
    case 'scalar':
      return new ScalarReader(sink)
    case 'array':
      return new ArrayReader(shape.element, sink)
    case 'composite':
      return new CompositeReader(shape.fields, sink)
  }
}

/** What the engine's from_json is to make of it. */
export function textStructure(shape: Shape): unknown {
  switch (shape.kind) {
    case 'scalar':
      return 'VARCHAR'
    case 'array':
      return [textStructure(shape.element)]
    case 'composite':
      return Object.fromEntries(shape.fields.map((field, i) => [fieldName(i), textStructure(field.shape)]))
  }
}

/** Fields go by position: a name may be anything. */
const fieldName = (index: number): string => `f${index}`

const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c
const SEMICOLON = 0x3b
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const NULL_WORD = Buffer.from('NULL')

class ScalarReader implements ValueReader {
  readonly #sink: JsonSink

  constructor(sink: JsonSink) {
    this.#sink = sink
  }

  begin(): void {
    this.#sink.ascii('"')
  }

  put(byte: number): void {
    this.#sink.byte(byte)
  }

  end(): void {
    this.#sink.ascii('"')
  }
}

type ArrayState = 'open' | 'item' | 'word' | 'bare' | 'bare escape' | 'quoted' | 'quoted escape' | 'after' | 'done'

class ArrayReader implements ValueReader {
  readonly #sink: JsonSink
  readonly #item: ValueReader
  readonly #delimiter: number
  #state: ArrayState = 'open'
  #first = true
  /** How many bytes of a bare item are those of NULL, which it may be. */
  #word = 0

  constructor(element: Shape, sink: JsonSink) {
    this.#sink = sink
    this.#item = createReader(element, sink)
    // The only type of PostgreSQL's own whose arrays have another.
    this.#delimiter = element.kind === 'scalar' && element.type === 'box' ? SEMICOLON : COMMA
  }

  begin(): void {
    this.#state = 'open'
    this.#first = true
    this.#sink.ascii('[')
  }

  put(byte: number): void {
    switch (this.#state) {
      case 'open':
        if (byte === OPEN_BRACKET) throw new LiteralError('Its lower bound is not 1.')
        if (byte !== OPEN_BRACE) throw noArray()
        this.#state = 'item'
        break
      case 'item':
        this.#beginItem(byte)
        break
      case 'word':
        if (byte === NULL_WORD[this.#word]) {
          this.#word++
          break
        }
        if (this.#word === NULL_WORD.length && this.#isEnd(byte)) {
          this.#sink.ascii('null')
          this.#next(byte)
          break
        }
        this.#beginBare()
        this.#putBare(byte)
        break
      case 'bare':
        this.#putBare(byte)
        break
      case 'bare escape':
        this.#state = 'bare'
        this.#item.put(byte)
        break
      case 'quoted':
        if (byte === BACKSLASH) this.#state = 'quoted escape'
        else if (byte === QUOTE) {
          this.#item.end()
          this.#state = 'after'
        } else this.#item.put(byte)
        break
      case 'quoted escape':
        this.#state = 'quoted'
        this.#item.put(byte)
        break
      case 'after':
        if (!this.#isEnd(byte)) throw noArray()
        this.#next(byte)
        break
      case 'done':
        throw noArray()
    }
  }

  end(): void {
    if (this.#state !== 'done') throw noArray()
    this.#sink.ascii(']')
  }

  #beginItem(byte: number): void {
    if (byte === OPEN_BRACE) throw new LiteralError('It has more than one dimension.')
    if (byte === CLOSE_BRACE && this.#first) {
      this.#state = 'done'
      return
    }
    if (this.#isEnd(byte)) throw noArray()
    if (!this.#first) this.#sink.ascii(',')
    this.#first = false
    if (byte === QUOTE) {
      this.#item.begin()
      this.#state = 'quoted'
      return
    }
    this.#word = 0
    this.#state = 'word'
    this.put(byte)
  }

  /** It is not NULL, but may have begun so. */
  #beginBare(): void {
    this.#state = 'bare'
    this.#item.begin()
    for (const byte of NULL_WORD.subarray(0, this.#word)) this.#item.put(byte)
  }

  #putBare(byte: number): void {
    if (this.#isEnd(byte)) {
      this.#item.end()
      this.#next(byte)
    } else if (byte === BACKSLASH) this.#state = 'bare escape'
    else if (byte === QUOTE || byte === OPEN_BRACE) throw noArray()
    else this.#item.put(byte)
  }

  #isEnd(byte: number): boolean {
    return byte === this.#delimiter || byte === CLOSE_BRACE
  }

  #next(byte: number): void {
    this.#state = byte === CLOSE_BRACE ? 'done' : 'item'
  }
}

type CompositeState = 'open' | 'field' | 'bare' | 'bare escape' | 'quoted' | 'quoted escape' | 'quote' | 'done'

class CompositeReader implements ValueReader {
  readonly #sink: JsonSink
  readonly #fields: readonly ValueReader[]
  #state: CompositeState = 'open'
  #index = 0

  constructor(fields: readonly ParquetColumn[], sink: JsonSink) {
    this.#sink = sink
    this.#fields = fields.map(({ shape }) => createReader(shape, sink))
  }

  begin(): void {
    this.#state = 'open'
    this.#index = 0
    this.#sink.ascii('{')
  }

  put(byte: number): void {
    switch (this.#state) {
      case 'open':
        if (byte !== OPEN) throw noComposite()
        this.#state = 'field'
        break
      case 'field':
        this.#beginField(byte)
        break
      case 'bare':
        if (byte === COMMA || byte === CLOSE) this.#endField(byte)
        else if (byte === BACKSLASH) this.#state = 'bare escape'
        else if (byte === QUOTE) throw noComposite()
        else this.#field.put(byte)
        break
      case 'bare escape':
        this.#state = 'bare'
        this.#field.put(byte)
        break
      case 'quoted':
        if (byte === BACKSLASH) this.#state = 'quoted escape'
        else if (byte === QUOTE) this.#state = 'quote'
        else this.#field.put(byte)
        break
      case 'quoted escape':
        this.#state = 'quoted'
        this.#field.put(byte)
        break
      case 'quote':
        // Doubled, or the end of the field.
        if (byte !== QUOTE) this.#endField(byte)
        else {
          this.#state = 'quoted'
          this.#field.put(byte)
        }
        break
      case 'done':
        throw noComposite()
    }
  }

  end(): void {
    if (this.#state !== 'done') throw noComposite()
    this.#sink.ascii('}')
  }

  get #field(): ValueReader {
    const field = this.#fields[this.#index]
    if (field === undefined) throw noComposite()
    return field
  }

  #beginField(byte: number): void {
    if (byte === CLOSE && this.#fields.length === 0) {
      this.#state = 'done'
      return
    }
    const field = this.#field
    this.#sink.ascii(`${this.#index === 0 ? '' : ','}"${fieldName(this.#index)}":`)
    if (byte === COMMA || byte === CLOSE) {
      this.#sink.ascii('null')
      this.#next(byte)
      return
    }
    field.begin()
    if (byte === QUOTE) {
      this.#state = 'quoted'
      return
    }
    this.#state = 'bare'
    this.put(byte)
  }

  #endField(byte: number): void {
    if (byte !== COMMA && byte !== CLOSE) throw noComposite()
    this.#field.end()
    this.#next(byte)
  }

  #next(byte: number): void {
    this.#index++
    this.#state = byte === CLOSE ? 'done' : 'field'
  }
}

const noArray = (): LiteralError => new LiteralError('It is not an array literal.')
const noComposite = (): LiteralError => new LiteralError('It is not a composite literal.')
