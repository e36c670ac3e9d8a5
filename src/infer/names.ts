import { loadModule, scanSync } from 'libpg-query'
import { oneLine } from '../one-line.ts'
import { quoteIdent } from '../sql/quote.ts'

const MAX_NAME_BYTES = 63
const UNRESERVED = 1
const PLAIN = /^[a-z_][a-z0-9_]*$/
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

// The scanner, which knows the keywords, is WebAssembly.
await loadModule()

/** As quote_ident() does: in quotes where the name is not one without. */
export function quoteIdentIfNeeded(name: string): string {
  return PLAIN.test(name) && !isKeyword(name) ? name : quoteIdent(name)
}

const isKeyword = (name: string): boolean => (scanSync(name).tokens[0]?.keywordKind ?? 0) > UNRESERVED

/** Names that a table can have together, of those that a file has for its columns; null where it has none. */
export function columnNames(given: readonly (string | null)[]): string[] {
  const taken = new Set<string>()
  /** Of names that may come to be one: a file may have one name for all its columns. */
  const lastNumbers = new Map<string, number>()
  return given.map((each, i) => {
    const wanted = oneLine((each ?? '').replace(/^\ufeff/, '')) || `column${i + 1}`
    const usable = SYSTEM_COLUMNS.has(wanted) ? `${wanted}_` : wanted
    let name = shortened(usable, '')
    if (taken.has(name)) {
      const kin = shortened(usable, `_${given.length}`)
      let n = lastNumbers.get(kin) ?? 1
      while (taken.has(name)) name = shortened(usable, `_${++n}`)
      lastNumbers.set(kin, n)
    }
    taken.add(name)
    return name
  })
}

/** A table's name out of a file's: its letters and digits. */
export function tableName(file: string): string {
  const base = (file.split('/').at(-1) ?? '').replace(/(?:\.(?:csv|tsv|txt|json|jsonl|ndjson|xml|parquet|gz))+$/i, '')
  const name = base
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '')
  return shortened(name || 'blob', '')
}

/** PostgreSQL cuts a name off in the midst, and then two may be one. */
function shortened(name: string, end: string): string {
  let text = name.slice(0, MAX_NAME_BYTES) // a line of a file may be one name
  while (Buffer.byteLength(text + end) > MAX_NAME_BYTES) text = Array.from(text).slice(0, -1).join('')
  return text + end
}
