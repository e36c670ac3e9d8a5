import { textStructure } from './nested-literals.ts'
import { refusal } from './parquet-errors.ts'
import type { ParquetColumn, Shape } from './shape.ts'
import { identifier, integer, literal } from './sql-text.ts'
import type { WrittenNames } from './written-names.ts'

/** How a type's text becomes a value of the engine; `exact`: whatever PostgreSQL prints can be held. */
interface Conversion {
  readonly type: string
  readonly exact: boolean
  /** Before the cast. */
  readonly prepare?: (text: string) => string
}

const MAX_DECIMAL_PRECISION = 38

const CONVERSIONS: ReadonlyMap<string, Conversion> = new Map(
  Object.entries<Conversion>({
    bool: { type: 'BOOLEAN', exact: true },
    int2: { type: 'SMALLINT', exact: true },
    int4: { type: 'INTEGER', exact: true },
    int8: { type: 'BIGINT', exact: true },
    oid: { type: 'UINTEGER', exact: true },
    float4: { type: 'FLOAT', exact: true },
    float8: { type: 'DOUBLE', exact: true },
    uuid: { type: 'UUID', exact: true },
    date: { type: 'DATE', exact: false, prepare: finiteTime },
    time: { type: 'TIME', exact: true },
    timestamp: { type: 'TIMESTAMP', exact: false, prepare: finiteTime },
    timestamptz: { type: 'TIMESTAMPTZ', exact: false, prepare: finiteTime },
    json: { type: 'JSON', exact: false },
    jsonb: { type: 'JSON', exact: false },
  }),
)

/** Their text has neither a backslash nor a control character. */
const PLAIN: ReadonlySet<string> = new Set([
  ...[...CONVERSIONS.keys()].filter(type => !type.startsWith('json')),
  'numeric',
  'interval',
  'timetz',
])

/** The expression for a column whose text, in COPY's text format, is `sql`. Nested values come as JSON of their texts. */
export function valueOfCopyText(sql: string, { name, shape }: ParquetColumn, names: WrittenNames): string {
  if (shape.kind !== 'scalar') {
    return valueFrom(
      `from_json(copy_unescape(${sql}), ${literal(JSON.stringify(textStructure(shape)))})`,
      shape,
      { column: name, names },
      0,
    )
  }
  if (shape.type === 'bytea') return byteaValue(`substr(${sql}, 2)`)
  return valueFrom(PLAIN.has(shape.type) ? sql : `copy_unescape(${sql})`, shape, { column: name, names }, 0)
}

interface Place {
  readonly column: string
  readonly names: WrittenNames
}

function valueFrom(sql: string, shape: Shape, place: Place, depth: number): string {
  switch (shape.kind) {
    case 'scalar':
      return scalarValue(sql, shape, place.column)
    case 'array': {
      const item = `e${depth}`
      return `list_transform(${sql}, lambda ${item}: ${valueFrom(item, shape.element, place, depth + 1)})`
    }
    case 'composite': {
      const fields = shape.fields.map(
        (field, i) =>
          `${identifier(place.names.tokenOf(field.name))} := ${valueFrom(`struct_extract(${sql}, 'f${i}')`, field.shape, place, depth)}`,
      )
      return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`
    }
  }
}

function scalarValue(sql: string, shape: Shape & { kind: 'scalar' }, column: string): string {
  if (shape.type === 'bytea') return byteaValue(sql)
  const conversion = shape.type === 'numeric' ? decimal(shape) : CONVERSIONS.get(shape.type)
  if (conversion === undefined) return sql
  const { type, exact, prepare } = conversion
  const text = prepare?.(sql) ?? sql
  if (exact) return `${text}::${type}`
  return `CASE WHEN ${sql} IS NOT NULL THEN coalesce(TRY_CAST(${text} AS ${type}), error(${literal(`${refusal(column)}: `)} || ${sql})) END`
}

const byteaValue = (text: string): string => `unhex(substr(${text}, 3))`

function finiteTime(text: string): string {
  return `CASE WHEN NOT ends_with(${text}, 'infinity') THEN from_bc(${text}) END`
}

/** Undefined: as its text, which loses no digit. */
function decimal({ precision, scale = 0 }: Shape & { kind: 'scalar' }): Conversion | undefined {
  if (precision === undefined || precision > MAX_DECIMAL_PRECISION || scale < 0 || scale > precision) return undefined
  return { type: `DECIMAL(${integer(precision)}, ${integer(scale)})`, exact: false }
}
