import type { EngineType } from './engine-messages.ts'
import { scalarText } from './scalar-text.ts'
import { literal } from './sql-text.ts'

const AS_IT_IS = /^(?:BOOLEAN|U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DECIMAL.*|JSON|VARIANT)$/
const FLOATING = /^(?:FLOAT|DOUBLE)$/
const WITH_DATE = /^(?:DATE|TIMESTAMP|INT96)/

/**
 * The expression for value `sql` as JSON, as PostgreSQL's to_json writes the same value; NULL for a null.
 * @param depth of the lists that the value is in
 */
export function jsonOf(sql: string, type: EngineType, depth: number): string {
  const item = `e${depth}`
  switch (type.kind) {
    case 'scalar':
      return scalarJson(sql, type.name)
    case 'list':
      return `'[' || array_to_string(list_transform(${sql}, lambda ${item}: ${orNull(item, type.element, depth + 1)}), ',') || ']'`
    case 'struct': {
      const fields = type.fields.map(
        (field, i) =>
          `${literal(`${JSON.stringify(field.name)}:`)} || ${orNull(`struct_extract_at(${sql}, ${i + 1})`, field.type, depth)}`,
      )
      return `CASE WHEN ${sql} IS NOT NULL THEN '{' || ${fields.join(` || ',' || `)} || '}' END`
    }
    case 'map': {
      const entry = `${keyJson(`${item}.key`, type.key, depth + 1)} || ':' || ${orNull(`${item}.value`, type.value, depth + 1)}`
      return `'{' || array_to_string(list_transform(map_entries(${sql}), lambda ${item}: ${entry}), ',') || '}'`
    }
  }
}

const orNull = (sql: string, type: EngineType, depth: number): string => `coalesce(${jsonOf(sql, type, depth)}, 'null')`

const keyJson = (sql: string, type: EngineType, depth: number): string =>
  `to_json(${type.kind === 'scalar' ? scalarText(sql, type.name, type.name === 'BLOB' ? 'bytea' : 'text') : jsonOf(sql, type, depth)})::VARCHAR`

function scalarJson(sql: string, source: string): string {
  if (FLOATING.test(source)) return `json_float(${sql})`
  if (AS_IT_IS.test(source)) return scalarText(sql, source, 'json')
  if (source === 'BLOB') return `'"\\\\x' || lower(hex(${sql})) || '"'`
  if (WITH_DATE.test(source)) return `'"' || iso(${scalarText(sql, source, 'text')}) || '"'`
  return `to_json(${scalarText(sql, source, 'text')})::VARCHAR`
}
