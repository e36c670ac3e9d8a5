import type { EngineType } from './engine-messages.ts'
import { jsonOf } from './json-of-value.ts'
import { mapInto } from './parquet-errors.ts'
import { needsEscape, scalarText } from './scalar-text.ts'
import type { Shape } from './shape.ts'

const JSON_TARGETS: ReadonlySet<string> = new Set(['json', 'jsonb'])
/** Their text is JSON already, if it is meant for such a column. */
const JSON_TEXT = /^(?:VARCHAR|JSON|BLOB|VARIANT)$/
/** Of whatever schema its extension is in. */
const HSTORE = /(?:^|\.)hstore$/
const TEXT: Shape = { kind: 'scalar', type: 'text' }

/** The statement's expression for column `sql` of a file, as a value in COPY's text format. @throws PgError */
export function copyTextOf(sql: string, source: EngineType, target: Shape): string {
  const text = textOf(sql, source, target, 0)
  return source.kind === 'scalar' && !needsEscape(source.name) && !isBytes(target) ? text : `copy_escape(${text})`
}

/** Their text begins with a backslash. */
const isBytes = (target: Shape): boolean => target.kind === 'scalar' && target.type === 'bytea'

/** The value as PostgreSQL's input function of the target type takes it. */
function textOf(sql: string, source: EngineType, target: Shape, depth: number): string {
  switch (source.kind) {
    case 'scalar': {
      const type = target.kind === 'scalar' ? target.type : 'text'
      return JSON_TARGETS.has(type) && !JSON_TEXT.test(source.name)
        ? jsonOf(sql, source, depth)
        : scalarText(sql, source.name, type)
    }
    case 'list':
      return target.kind === 'array' ? arrayLiteral(sql, source.element, target, depth) : jsonOf(sql, source, depth)
    case 'struct':
      return target.kind === 'composite' ? compositeLiteral(sql, source, target, depth) : jsonOf(sql, source, depth)
    case 'map': {
      if (target.kind === 'array' && target.element.kind === 'composite') {
        return arrayLiteral(`map_entries(${sql})`, entryType(source), target, depth)
      }
      if (target.kind !== 'scalar') throw mapInto(target)
      if (HSTORE.test(target.type)) return hstoreLiteral(sql, source, depth)
      return jsonOf(sql, source, depth)
    }
  }
}

function compositeLiteral(
  sql: string,
  source: EngineType & { kind: 'struct' },
  target: Shape & { kind: 'composite' },
  depth: number,
): string {
  const fields = source.fields.map(({ type }, i) => {
    const shape = target.fields[i]?.shape ?? TEXT
    return `coalesce(quoted(${textOf(`struct_extract_at(${sql}, ${i + 1})`, type, shape, depth)}), '')`
  })
  return `CASE WHEN ${sql} IS NOT NULL THEN '(' || ${fields.join(` || ',' || `)} || ')' END`
}

function arrayLiteral(sql: string, element: EngineType, target: Shape & { kind: 'array' }, depth: number): string {
  const item = `e${depth}`
  // A list of lists is an array of two dimensions; its element type is the same.
  const text =
    element.kind === 'list'
      ? textOf(item, element, target, depth + 1)
      : `quoted(${textOf(item, element, target.element, depth + 1)})`
  return `'{' || array_to_string(list_transform(${sql}, lambda ${item}: coalesce(${text}, 'NULL')), ',') || '}'`
}

function hstoreLiteral(sql: string, { key, value }: EngineType & { kind: 'map' }, depth: number): string {
  const item = `e${depth}`
  const text = (part: string, type: EngineType): string => `quoted(${textOf(part, type, TEXT, depth + 1)})`
  const entry = `${text(`${item}.key`, key)} || '=>' || coalesce(${text(`${item}.value`, value)}, 'NULL')`
  return `array_to_string(list_transform(map_entries(${sql}), lambda ${item}: ${entry}), ',')`
}

const entryType = ({ key, value }: EngineType & { kind: 'map' }): EngineType => ({
  kind: 'struct',
  name: 'STRUCT',
  fields: [
    { name: 'key', type: key },
    { name: 'value', type: value },
  ],
})
