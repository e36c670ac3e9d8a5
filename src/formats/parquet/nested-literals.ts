import { ArrayReader } from './array-reader.ts'
import { CompositeReader, fieldName } from './composite-reader.ts'
import type { Shape } from './shape.ts'
import type { JsonSink, ValueReader } from './value-reader.ts'

/*
 * PostgreSQL's text of an array or composite → JSON of the same structure whose scalars are all texts, byte by byte: a
 * value may be large, and is never there as a whole.
 */

export function createReader(shape: Shape, sink: JsonSink): ValueReader {
  switch (shape.kind) {
    case 'scalar':
      return new ScalarReader(sink)
    case 'array':
      return new ArrayReader(createReader(shape.element, sink), delimiterOf(shape.element), sink)
    case 'composite':
      return new CompositeReader(
        shape.fields.map(field => createReader(field.shape, sink)),
        sink,
      )
  }
}

/** Between the items of an array. Of PostgreSQL's own types only the box has another. */
const delimiterOf = (element: Shape): ',' | ';' => (element.kind === 'scalar' && element.type === 'box' ? ';' : ',')

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
