import type { ParquetColumn, Shape } from './shape.ts'

/** A value with all its scalars as texts. */
type Texts = string | null | Texts[] | { [field: string]: Texts }

/** PostgreSQL's text of an array or composite → what textStructure() describes. @throws LiteralError */
export function parseLiteral(text: string, shape: Shape): Texts {
  switch (shape.kind) {
    case 'scalar':
      return text
    case 'array':
      return parseArray(text, shape.element)
    case 'composite':
      return parseComposite(text, shape.fields)
  }
}

/** What Parquet has no form for, in words for the user. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError'
}

const ESCAPED = /\\(.)/gs

/** Up to the next delimiter or bracket; `{` begins a value only where an array has more than one dimension. */
const ARRAY_ITEM = /"((?:[^"\\]|\\.)*)"|([^",;{}\\]|\\.)+/sy
const BOX_ARRAY_ITEM = /"((?:[^"\\]|\\.)*)"|([^";{}\\]|\\.)+/sy

function parseArray(text: string, element: Shape): Texts[] {
  if (text.startsWith('[')) throw new LiteralError('Its lower bound is not 1.')
  if (text === '{}') return []
  const item = element.kind === 'scalar' && element.type === 'box' ? BOX_ARRAY_ITEM : ARRAY_ITEM
  const items: Texts[] = []
  for (let at = 1; at < text.length; at = item.lastIndex + 1) {
    if (text[at] === '{') throw new LiteralError('It has more than one dimension.')
    item.lastIndex = at
    const [found, quoted] = item.exec(text) ?? []
    if (found === undefined) throw new LiteralError('It is not an array literal.')
    if (quoted === undefined && found === 'NULL') items.push(null)
    else items.push(parseLiteral((quoted ?? found).replace(ESCAPED, '$1'), element))
  }
  return items
}

/** A field is empty where it is NULL; in quotes, a quote is doubled. */
const FIELD = /"((?:[^"\\]|\\.|"")*)"|([^",)\\]|\\.)*/sy
const FIELD_ESCAPED = /\\(.)|"(")/gs

function parseComposite(text: string, fields: readonly ParquetColumn[]): Texts {
  const values: { [field: string]: Texts } = {}
  let at = 1
  fields.forEach(({ shape }, i) => {
    FIELD.lastIndex = at
    const [found, quoted] = FIELD.exec(text) ?? []
    if (found === undefined) throw new LiteralError('It is not a composite literal.')
    at = FIELD.lastIndex + 1
    values[fieldName(i)] = found === '' ? null : parseLiteral((quoted ?? found).replace(FIELD_ESCAPED, '$1$2'), shape)
  })
  return values
}

/** Fields go by position: a name may be anything. */
const fieldName = (index: number): string => `f${index}`

/** What the engine's from_json is to make of them: the same structure, all of texts. */
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
