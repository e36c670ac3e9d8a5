import type { DataRowWriter } from './data-row-writer.ts'
import { RowBuilder, type RowShape } from './row-builder.ts'
import type { RowScanner } from './row-decoder.ts'

/** The whole file is the value of the one column; an empty file is a NULL. */
export class TextScanner implements RowScanner {
  readonly ended = false
  readonly #writer: DataRowWriter
  readonly #row: RowBuilder

  constructor(writer: DataRowWriter, shape: RowShape) {
    this.#writer = writer
    this.#row = new RowBuilder(writer, shape, false)
  }

  /** A value has no lines of its own. */
  get line(): number {
    return 1
  }

  scan(bytes: Buffer, _final: boolean): number {
    const writer = this.#writer
    if (!this.#row.begun) writer.position = this.#row.begin(0)
    writer.reserve(bytes.length, this.line)
    bytes.copy(writer.bytes, writer.position)
    writer.position += bytes.length
    return bytes.length
  }

  finish(): void {
    const { position } = this.#writer
    this.#row.endRow(this.#row.endField(position, position === this.#row.valueStart))
  }
}
