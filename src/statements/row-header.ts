import type { Format } from '../formats/format.ts'
import { createRowEncoder, type RowTarget } from '../formats/rows/row-codecs.ts'
import type { RowOptions } from '../formats/rows/row-options.ts'

/** How the first line of a blob is written that has one: as blob_put() does. */
export interface RowHeader {
  readonly format: Format
  readonly options: RowOptions
  readonly target: RowTarget
}

export const headerLine = ({ format, options, target }: RowHeader, columns: readonly string[]): Buffer =>
  createRowEncoder(format, options, columns, target).begin()
