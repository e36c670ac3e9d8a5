import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/** What the values of a column are made of, by PostgreSQL's types. */
export type Shape =
  /**
   * `type` is pg_type.typname of the base type (domains resolved), 'enum' for any enum; precision and scale only of
   * numeric(p,s).
   */
  | { readonly kind: 'scalar'; readonly type: string; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'array'; readonly element: Shape }
  | { readonly kind: 'composite'; readonly fields: readonly ParquetColumn[] }

export interface ParquetColumn {
  readonly name: string
  readonly shape: Shape
}

/** Whether a row type without columns is part of it. */
export function isPartlyEmpty(shape: Shape): boolean {
  if (shape.kind === 'scalar') return false
  if (shape.kind === 'array') return isPartlyEmpty(shape.element)
  return shape.fields.length === 0 || shape.fields.some(field => isPartlyEmpty(field.shape))
}

/** PostgreSQL's MaxTupleAttributeNumber. */
const MAX_COLUMNS = 1664
/** All types that columns are made of; far more than a row type of any use has. */
const MAX_PARTS = 10_000
const MAX_DEPTH = 32
/** A name of 63 bytes, with its schema and all quotes doubled. */
const MAX_NAME_LENGTH = 260
const MAX_PRECISION = 1000

/**
 * Reads the columns of a request or of a COPY out of JSON. Whoever can call the extension's functions can forge them, and
 * the engine's statements are made of them: so all is checked, and nothing else is kept. @throws PgError
 */
export function readColumns(json: unknown): ParquetColumn[] {
  const parts = { left: MAX_PARTS }
  return list(json, each => readColumn(each, parts, 0))
}

function readColumn(json: unknown, parts: { left: number }, depth: number): ParquetColumn {
  const { name, shape } = record(json)
  return { name: text(name), shape: readShape(shape, parts, depth) }
}

function readShape(json: unknown, parts: { left: number }, depth: number): Shape {
  if (--parts.left < 0 || depth > MAX_DEPTH) throw tooManyParts()
  const { kind, type, element, fields, precision, scale } = record(json)
  switch (kind) {
    case 'scalar':
      if (precision === undefined) return { kind, type: text(type) }
      return { kind, type: text(type), precision: integer(precision, 1), scale: integer(scale, -MAX_PRECISION) }
    case 'array':
      return { kind, element: readShape(element, parts, depth + 1) }
    case 'composite':
      return { kind, fields: list(fields, each => readColumn(each, parts, depth + 1)) }
    default:
      throw malformed()
  }
}

function record(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed()
  return json as Record<string, unknown>
}

function list<T>(json: unknown, read: (each: unknown) => T): T[] {
  if (!Array.isArray(json)) throw malformed()
  if (json.length > MAX_COLUMNS) throw tooManyParts()
  return json.map(read)
}

function text(json: unknown): string {
  if (typeof json !== 'string' || json.length > MAX_NAME_LENGTH || json.includes('\0')) throw malformed()
  return json
}

function integer(json: unknown, least: number): number {
  if (!Number.isInteger(json) || (json as number) < least || (json as number) > MAX_PRECISION) throw malformed()
  return json as number
}

function malformed(): PgError {
  return new PgError({
    message: 'azure_storage: columns for Parquet are not described as they must be',
    code: SQLSTATE.invalidParameterValue,
  })
}

export function tooManyParts(): PgError {
  return new PgError({
    message: 'azure_storage: the columns have too many parts for Parquet',
    code: SQLSTATE.programLimitExceeded,
    detail: `They may be made of ${MAX_PARTS} types, ${MAX_DEPTH} within each other.`,
  })
}
