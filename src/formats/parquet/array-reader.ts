import { type JsonSink, LiteralError, type ValueReader } from './value-reader.ts'

const QUOTE = 0x22
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const NULL_WORD = Buffer.from('NULL')

type ArrayState = 'open' | 'item' | 'word' | 'bare' | 'bare escape' | 'quoted' | 'quoted escape' | 'after' | 'done'

/** Of an array's text; `item` takes one item after another. */
export class ArrayReader implements ValueReader {
  readonly #sink: JsonSink
  readonly #item: ValueReader
  readonly #delimiter: number
  #state: ArrayState = 'open'
  #first = true
  /** How many bytes of a bare item are those of NULL, which it may be. */
  #word = 0

  constructor(item: ValueReader, delimiter: ',' | ';', sink: JsonSink) {
    this.#item = item
    this.#delimiter = delimiter.charCodeAt(0)
    this.#sink = sink
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

const noArray = (): LiteralError => new LiteralError('It is not an array literal.')
