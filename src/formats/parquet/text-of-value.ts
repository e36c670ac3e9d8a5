import type { EngineType } from './engine-messages.ts'
import type { Shape } from './shape.ts'
import { literal } from './sql-text.ts'

/** Types whose text has neither a backslash nor a control character. */
const PLAIN = /^(?:BOOLEAN|U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER|ERVAL)?|FLOAT|DOUBLE|DECIMAL|DATE|TIME|UUID)/
const BYTES_OR_TEXT = /^(?:VARCHAR|JSON|BLOB)/
const FRACTIONAL = /^(?:FLOAT|DOUBLE|DECIMAL)/
const WITH_YEAR = /^(?:DATE|TIMESTAMP)/
const INTEGER_TARGETS: ReadonlySet<string> = new Set(['int2', 'int4', 'int8'])

/** The statement's expression for column `sql` of a file, as a value in COPY's text format. */
export function copyTextOf(sql: string, source: EngineType, target: Shape): string {
  const text = textOf(sql, source, target, 0)
  return source.kind === 'scalar' && PLAIN.test(source.name) ? text : `copy_escape(${text})`
}

/** The value as PostgreSQL's input function of the target type takes it. */
function textOf(sql: string, source: EngineType, target: Shape, depth: number): string {
  if (source.kind === 'list' && target.kind === 'array') return arrayLiteral(sql, source.element, target, depth)
  if (source.kind === 'struct' && target.kind === 'composite') {
    const fields = source.fields.map(({ name, type }, i) => {
      const field = `struct_extract(${sql}, ${literal(name)})`
      const shape = target.fields[i]?.shape ?? TEXT
      return `coalesce(quoted(${textOf(field, type, shape, depth)}), '')`
    })
    return `CASE WHEN ${sql} IS NOT NULL THEN '(' || ${fields.join(` || ',' || `)} || ')' END`
  }
  if (source.kind !== 'scalar') return `to_json(${sql})::VARCHAR`
  return scalarText(sql, source.name, target.kind === 'scalar' ? target.type : 'text')
}

const TEXT: Shape = { kind: 'scalar', type: 'text' }

function arrayLiteral(sql: string, element: EngineType, target: Shape & { kind: 'array' }, depth: number): string {
  const item = `e${depth}`
  // A list of lists is an array of two dimensions; its element type is the same.
  const text =
    element.kind === 'list'
      ? textOf(item, element, target, depth + 1)
      : `quoted(${textOf(item, element, target.element, depth + 1)})`
  return `'{' || array_to_string(list_transform(${sql}, lambda ${item}: coalesce(${text}, 'NULL')), ',') || '}'`
}

function scalarText(sql: string, source: string, target: string): string {
  if (target === 'bytea' && BYTES_OR_TEXT.test(source)) return `'\\x' || lower(hex(${sql}))`
  if (source === 'BLOB') {
    return target === 'uuid'
      ? `CASE WHEN octet_length(${sql}) = 16 THEN lower(hex(${sql})) ELSE decode(${sql}) END`
      : `decode(${sql})`
  }
  if (source === 'VARIANT') return `CASE WHEN ${sql} IS NOT NULL THEN ${sql}::JSON::VARCHAR END`
  const text = source === 'TIMESTAMP WITH TIME ZONE' ? `zoned_text(${sql})` : `${sql}::VARCHAR`
  if (WITH_YEAR.test(source)) return `to_bc(${text})`
  // Who writes integers with a null among them often writes 1.0.
  if (FRACTIONAL.test(source) && INTEGER_TARGETS.has(target)) return `regexp_replace(${text}, '\\.0*$', '')`
  return text
}
