import { type JsonSink, LiteralError, type ValueReader } from './value-reader.ts'

const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c
const BACKSLASH = 0x5c

/** Fields go by position: a name may be anything. */
export const fieldName = (index: number): string => `f${index}`

type CompositeState = 'open' | 'field' | 'bare' | 'bare escape' | 'quoted' | 'quoted escape' | 'quote' | 'done'

/** Of a composite's text; each field has a reader of its own. */
export class CompositeReader implements ValueReader {
  readonly #sink: JsonSink
  readonly #fields: readonly ValueReader[]
  #state: CompositeState = 'open'
  #index = 0

  constructor(fields: readonly ValueReader[], sink: JsonSink) {
    this.#fields = fields
    this.#sink = sink
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

const noComposite = (): LiteralError => new LiteralError('It is not a composite literal.')
