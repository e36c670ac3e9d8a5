/** The parts that all our statements to the engine are made of. */

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A number that is pasted as it is; whatever its type says, it is one. */
export function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new TypeError(`not an integer: ${value}`)
  return String(value)
}

/** Columns go by position: names come twice, or differ in case only. */
export const columnAt = (index: number): string => `c${integer(index)}`

/**
 * COPY's text format keeps each row on a line: a backslash and a letter stand for what would end a value. While the engine
 * undoes that, \q stands for the backslash itself: COPY never writes it.
 */
const ESCAPES: readonly (readonly [char: string, escaped: string])[] = [
  ["'\\'", "'\\\\'"],
  ['chr(9)', "'\\t'"],
  ['chr(10)', "'\\n'"],
  ['chr(13)', "'\\r'"],
]
const UNESCAPES: readonly (readonly [escaped: string, char: string])[] = [
  ["'\\\\'", "'\\q'"],
  ["'\\t'", 'chr(9)'],
  ["'\\n'", 'chr(10)'],
  ["'\\r'", 'chr(13)'],
  ["'\\b'", 'chr(8)'],
  ["'\\f'", 'chr(12)'],
  ["'\\v'", 'chr(11)'],
  ["'\\q'", "'\\'"],
]

const replaceAll = (text: string, pairs: readonly (readonly [string, string])[]): string =>
  pairs.reduce((sql, [from, to]) => `replace(${sql}, ${from}, ${to})`, text)

/** Each replacement makes a copy of the text, and most texts need none. */
const containsAny = (text: string, pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([from]) => `contains(${text}, ${from})`).join(' OR ')

/** Functions that our statements use. */
export const MACROS = `
CREATE MACRO copy_escape(t) AS CASE WHEN ${containsAny('t', ESCAPES)} THEN ${replaceAll('t', ESCAPES)} ELSE t END;
CREATE MACRO copy_unescape(t) AS CASE WHEN contains(t, '\\') THEN ${replaceAll('t', UNESCAPES)} ELSE t END;
CREATE MACRO to_bc(t) AS CASE WHEN contains(t, ' (BC)') THEN replace(t, ' (BC)', '') || ' BC' ELSE t END;
CREATE MACRO from_bc(t) AS CASE WHEN ends_with(t, ' BC') THEN regexp_replace(t, '^(\\S+)(.*) BC$', '\\1 (BC)\\2') ELSE t END;
CREATE MACRO quoted(t) AS '"' || replace(replace(t, '\\', '\\\\'), '"', '\\"') || '"';
`
