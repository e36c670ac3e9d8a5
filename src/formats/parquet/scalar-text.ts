/*
 * The values of a file as texts, in the statement's own words: what PostgreSQL's input functions take. A source type is
 * DuckDB's name of it, or one that the file's schema gives.
 */

const BYTES_OR_TEXT = /^(?:VARCHAR|JSON|BLOB)/
const FLOATING = /^(?:FLOAT|DOUBLE)$/
const DECIMAL = /^DECIMAL\((\d+),\s*(\d+)\)$/
const INSTANT = /^TIMESTAMP.* WITH TIME ZONE$/
const INTEGER_TARGETS: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'oid'])
const NUMBER_TARGETS: ReadonlySet<string> = new Set([...INTEGER_TARGETS, 'numeric', 'float4', 'float8'])
const ZONELESS_TARGETS: ReadonlySet<string> = new Set(['timestamp', 'date', 'time'])
/** PostGIS's, of whatever schema it is in. */
const POSTGIS_TARGET = /(?:^|\.)geo(?:metry|graphy)$/

/** Arrow's types, of which the file has plain numbers: how many make a second. */
const DURATIONS: Readonly<Record<string, number>> = {
  DURATION_S: 1,
  DURATION_MS: 1000,
  DURATION_US: 1_000_000,
  DURATION_NS: 1_000_000_000,
}

/** Texts that may have a backslash or a control character. */
const NOT_PLAIN = /^(?:VARCHAR|JSON|BLOB|VARIANT|ENUM|BIT)/

export const needsEscape = (source: string): boolean => NOT_PLAIN.test(source)

/** The expression for value `sql`, as PostgreSQL's input function of the type `target` takes it. */
export function scalarText(sql: string, source: string, target: string): string {
  if (target === 'bytea' && BYTES_OR_TEXT.test(source)) return `'\\x' || lower(hex(${sql}))`
  if (source === 'BLOB') {
    return target === 'uuid'
      ? `CASE WHEN octet_length(${sql}) = 16 THEN lower(hex(${sql})) ELSE decode(${sql}) END`
      : `decode(${sql})`
  }
  if (source === 'VARIANT') return `CASE WHEN ${sql} IS NOT NULL THEN variant_json(${sql}::JSON::VARCHAR) END`
  if (source === 'GEOMETRY') return geometryText(sql, target)
  if (FLOATING.test(source)) return INTEGER_TARGETS.has(target) ? `whole_text(${sql})` : `${sql}::VARCHAR`
  const [, precision, scale] = DECIMAL.exec(source) ?? []
  if (scale !== undefined) {
    const text = precision === scale ? `zero_before_point(${sql}::VARCHAR)` : `${sql}::VARCHAR`
    // Who writes integers with a null among them often writes 1.0.
    return INTEGER_TARGETS.has(target) ? `regexp_replace(${text}, '\\.0*$', '')` : text
  }
  return timeText(sql, source, target) ?? `${sql}::VARCHAR`
}

/** Well-known binary for bytes, its hex digits for PostGIS, which takes no other text of all of it, and words to read. */
function geometryText(sql: string, target: string): string {
  if (target === 'bytea') return `'\\x' || lower(hex(${sql}))`
  if (POSTGIS_TARGET.test(target)) return `hex(${sql})`
  return `ST_AsText(ST_GeomFromWKB(${sql}))`
}

function timeText(sql: string, source: string, target: string): string | undefined {
  const perSecond = DURATIONS[source]
  if (perSecond !== undefined) {
    if (NUMBER_TARGETS.has(target)) return `${sql}::VARCHAR`
    const micros = perSecond > 1_000_000 ? `rounded_micros(${sql})` : `${sql} * ${1_000_000 / perSecond}`
    return `to_microseconds(${micros})::VARCHAR`
  }
  switch (source) {
    case 'DATE64':
      if (NUMBER_TARGETS.has(target)) return `${sql}::VARCHAR`
      return `to_bc(make_timestamp(${sql} * 1000)::${target.startsWith('timestamp') ? 'TIMESTAMP' : 'DATE'}::VARCHAR)`
    case 'TIME_S':
      return NUMBER_TARGETS.has(target) ? `${sql}::VARCHAR` : `(TIME '00:00:00' + to_seconds(${sql}))::VARCHAR`
    case 'TIMESTAMP_S':
      return NUMBER_TARGETS.has(target) ? `${sql}::VARCHAR` : `to_bc(make_timestamp(${sql} * 1000000)::VARCHAR)`
    case 'TIMESTAMP_S UTC':
      return NUMBER_TARGETS.has(target) ? `${sql}::VARCHAR` : instantText(`make_timestamp(${sql} * 1000000)`, target)
    case 'INT96':
      return instantText(`int96_time(${sql})`, target)
    case 'DATE':
    case 'TIMESTAMP':
    case 'TIMESTAMP_MS':
    case 'TIMESTAMP_NS':
      return `to_bc(${sql}::VARCHAR)`
    case 'TIME WITH TIME ZONE':
    case 'TIME_NS WITH TIME ZONE':
      return target === 'timetz' ? `${sql}::VARCHAR || '+00'` : `${sql}::VARCHAR`
    default:
      return INSTANT.test(source) ? instantText(sql, target) : undefined
  }
}

/** In UTC; PostgreSQL passes over a zone where the type has none. */
const instantText = (sql: string, target: string): string =>
  ZONELESS_TARGETS.has(target) ? `to_bc(${sql}::VARCHAR)` : `instant_text(${sql})`
