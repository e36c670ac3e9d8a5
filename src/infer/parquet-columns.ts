import type { EngineColumns, EngineType } from '../formats/parquet/engine-messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { columnNames } from './names.ts'
import { type InferredColumn, MAX_COLUMNS } from './sample.ts'

/** PostgreSQL's types, by DuckDB's names of those of a file's columns; of nested ones but lists it is jsonb. */
const TYPES: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'smallint',
  SMALLINT: 'smallint',
  UTINYINT: 'smallint',
  INTEGER: 'integer',
  USMALLINT: 'integer',
  BIGINT: 'bigint',
  UINTEGER: 'bigint',
  UBIGINT: 'numeric(20,0)',
  HUGEINT: 'numeric',
  UHUGEINT: 'numeric',
  FLOAT: 'real',
  DOUBLE: 'double precision',
  BLOB: 'bytea',
  GEOMETRY: 'bytea',
  UUID: 'uuid',
  DATE: 'date',
  DATE64: 'date',
  INTERVAL: 'interval',
  JSON: 'json',
  VARIANT: 'jsonb',
  INT96: 'timestamptz',
  'TIMESTAMP_S UTC': 'timestamptz',
}
const DECIMAL = /^DECIMAL\((\d+),\s*(\d+)\)$/

/** @throws PgError for more than a table can have */
export const parquetColumns = ({ columns, count }: EngineColumns): InferredColumn[] => {
  if (count > MAX_COLUMNS) throw tooMany(count)
  const names = columnNames(columns.map(({ name }) => name))
  return columns.map(({ type }, i) => ({ name: names[i] as string, type: typeOf(type) }))
}

const tooMany = (count: number): PgError =>
  new PgError({
    message: `the file has ${count} columns, and a table can have at most ${MAX_COLUMNS}`,
    code: SQLSTATE.tooManyColumns,
  })

function typeOf(type: EngineType): string {
  if (type.kind === 'scalar') return scalarType(type.name)
  // A list of lists may hold some of different lengths, which no array does.
  return type.kind === 'list' && type.element.kind === 'scalar' ? `${scalarType(type.element.name)}[]` : 'jsonb'
}

function scalarType(name: string): string {
  const [, precision, scale] = DECIMAL.exec(name) ?? []
  if (scale !== undefined) return `numeric(${precision},${scale})`
  if (name.startsWith('DURATION')) return 'interval'
  if (name.startsWith('TIMESTAMP'))
    return TYPES[name] ?? (name.endsWith('WITH TIME ZONE') ? 'timestamptz' : 'timestamp')
  // One that is adjusted to UTC has no date, so no zone but that.
  if (name.startsWith('TIME')) return 'time'
  return TYPES[name] ?? 'text'
}
