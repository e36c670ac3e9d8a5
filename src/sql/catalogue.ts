import { type FuncCall, type Node, readCall } from './expressions.ts'
import { EXTENSION, EXTENSION_COMMENT, EXTENSION_VERSION } from './extension-name.ts'
import { namesCatalogue, type RawStatement } from './query-text.ts'
import { quoteLiteral } from './quote.ts'
import { LOG_LEVELS, SETTINGS, type Setting } from './settings.ts'

/** Other text in the place of what stands from `start` to `end`. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What is found in the FROM of a query: a system view, or the function behind it. */
interface Source {
  readonly name: string
  readonly isFunction: boolean
  readonly isQualified: boolean
  readonly hasAlias: boolean
  readonly location: number
}

interface RangeVar {
  readonly catalogname?: string
  readonly schemaname?: string
  readonly relname: string
  readonly inh?: boolean
  readonly alias?: object
  readonly location: number
}

interface RangeFunction {
  readonly functions: readonly { readonly List: { readonly items: readonly Node[] } }[]
  readonly alias?: object
  readonly lateral?: boolean
  readonly ordinality?: boolean
  readonly is_rowsfrom?: boolean
  readonly coldeflist?: unknown
}

const literal = (value: string | undefined): string =>
  value === undefined ? 'NULL::pg_catalog.text' : `${quoteLiteral(value)}::pg_catalog.text`

const INSTALLED = `(SELECT extversion FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) '${EXTENSION}')`

/** A row of the extension's more than the server's own rows. */
const withRow = (source: string, columns: readonly string[], values: readonly string[]): string =>
  `(SELECT ${columns.join(', ')} FROM pg_catalog.${source} WHERE name OPERATOR(pg_catalog.<>) '${EXTENSION}' ` +
  `UNION ALL SELECT ${values.join(', ')})`

const NAME = `'${EXTENSION}'::pg_catalog.name`
const [VERSION, COMMENT] = [literal(EXTENSION_VERSION), literal(EXTENSION_COMMENT)]
/** Superuser, trusted, relocatable, schema, requires, comment. */
const VERSION_COLUMNS = ['superuser', 'trusted', 'relocatable', 'schema', 'requires', 'comment']
const VERSION_VALUES = ['true', 'true', 'false', 'NULL::pg_catalog.name', 'NULL::pg_catalog.name[]', COMMENT]

const SETTING_COLUMNS =
  'name, setting, unit, category, short_desc, extra_desc, context, vartype, source, min_val, max_val, enumvals, ' +
  'boot_val, reset_val, sourcefile, sourceline, pending_restart'

/** What stands in the place of each. PostgreSQL hides settings that no library defines from pg_settings. */
const REPLACEMENTS: ReadonlyMap<string, string> = new Map([
  [
    'pg_available_extensions',
    withRow(
      'pg_available_extensions',
      ['name', 'default_version', 'installed_version', 'comment'],
      [NAME, VERSION, INSTALLED, COMMENT],
    ),
  ],
  [
    'pg_available_extensions()',
    withRow('pg_available_extensions()', ['name', 'default_version', 'comment'], [NAME, VERSION, COMMENT]),
  ],
  [
    'pg_available_extension_versions',
    withRow(
      'pg_available_extension_versions',
      ['name', 'version', 'installed', ...VERSION_COLUMNS],
      [NAME, VERSION, `${INSTALLED} IS NOT NULL`, ...VERSION_VALUES],
    ),
  ],
  [
    'pg_available_extension_versions()',
    withRow(
      'pg_available_extension_versions()',
      ['name', 'version', ...VERSION_COLUMNS],
      [NAME, VERSION, ...VERSION_VALUES],
    ),
  ],
  [
    'pg_settings',
    `(SELECT ${SETTING_COLUMNS} FROM pg_catalog.pg_settings` +
      ` WHERE name OPERATOR(pg_catalog.<>) ALL ('{${SETTINGS.map(({ name }) => name)}}'::pg_catalog.text[])` +
      `${SETTINGS.map(setting => ` UNION ALL SELECT ${settingRow(setting)}`).join('')})`,
  ],
])

function settingRow({ name, type, initial, description }: Setting): string {
  const now = `coalesce(pg_catalog.current_setting('${name}', true), ${literal(initial)})`
  const source = `CASE WHEN ${now} OPERATOR(pg_catalog.=) ${literal(initial)} THEN 'default' ELSE 'session' END`
  const [context, unit] = type === 'integer' ? ['internal', 'MB'] : ['user', undefined]
  const [min, max] = type === 'integer' ? ['128', '3072'] : []
  const values = type === 'enum' ? `'{${LOG_LEVELS}}'::pg_catalog.text[]` : 'NULL::pg_catalog.text[]'
  const head = [name, undefined, unit, 'Customized Options', description, undefined, context, type].map(literal)
  head[1] = now
  const tail = [literal(min), literal(max), values, literal(initial), literal(initial), literal(undefined)]
  return [...head, source, ...tail, 'NULL::pg_catalog.int4', 'false'].join(', ')
}

/** Each takes some kB: a query with more of them passes as it is. */
const MAX_SOURCES = 100

const KNOWN = new Set([...REPLACEMENTS.keys()].map(name => name.replace('()', '')))

/** Statements that run their queries, and keep none of them for later. */
const RUNNING: readonly string[] = [
  ...['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'],
  ...['ExplainStmt', 'DeclareCursorStmt', 'PrepareStmt', 'CopyStmt', 'CreateTableAsStmt'],
]

/**
 * The system views that list extensions and settings, in a query with the extension and its settings among them. None
 * where the view itself is meant, as in a GRANT or in the definition of a view, or where that cannot be told.
 */
export function catalogueEdits(raw: RawStatement): Edit[] {
  if (raw.reading !== 'read' || !raw.tokens.some(namesCatalogue)) return []
  const [kind = '', statement] = Object.entries(raw.node)[0] ?? []
  if (!RUNNING.includes(kind)) return []
  if (kind === 'CreateTableAsStmt' && (statement as { objtype?: string }).objtype !== 'OBJECT_TABLE') return []
  const { sources, isUnclear } = sourcesIn(raw.node)
  if (isUnclear || sources.length > MAX_SOURCES) return []
  return sources.flatMap(source => editOf(source, raw) ?? [])
}

function editOf({ name, isFunction, isQualified, hasAlias, location }: Source, raw: RawStatement): Edit | undefined {
  const { tokens } = raw
  const start = raw.offsetOf(location)
  const first = tokens.findIndex(token => token.start === start)
  const last = first + (isQualified ? 2 : 0) + (isFunction ? 2 : 0)
  const [before, end, after] = [tokens[first - 1], tokens[last], tokens[last + 1]]
  if (first < 0 || end === undefined || after?.text === '*') return undefined
  const text = REPLACEMENTS.get(isFunction ? `${name}()` : name)
  if (text === undefined) return undefined
  const isTable = before?.text.toLowerCase() === 'table' // TABLE pg_settings
  const replacement = `${isTable ? 'SELECT * FROM ' : ''}${text}${hasAlias ? '' : ` AS ${name}`}`
  return { start: isTable ? before.start : start, end: end.end, text: replacement }
}

/** Unclear: a reference names the schema too, which nothing but the view itself fits. */
function sourcesIn(root: RawStatement['node']): { sources: Source[]; isUnclear: boolean } {
  const sources: Source[] = []
  const ctes = new Set<string>()
  let isUnclear = false
  const open: unknown[] = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    for (const [key, part] of Object.entries(node)) {
      if (FROM.has(key)) for (const item of Array.isArray(part) ? part : [part]) sources.push(...sourceOf(item))
      if (key === 'CommonTableExpr') ctes.add((part as { ctename: string }).ctename)
      if (key === 'ColumnRef') isUnclear ||= isQualifiedReference((part as { fields: readonly Node[] }).fields)
      open.push(part)
    }
  }
  const found = sources.filter(({ name, isFunction, isQualified }) => isFunction || isQualified || !ctes.has(name))
  return { sources: found.sort((a, b) => a.location - b.location), isUnclear }
}

/** Where a tree has what is read from. */
const FROM: ReadonlySet<string> = new Set(['fromClause', 'usingClause', 'larg', 'rarg', 'sourceRelation'])

function sourceOf(item: unknown): Source[] {
  const { RangeVar, RangeFunction } = (item ?? {}) as { RangeVar?: RangeVar; RangeFunction?: RangeFunction }
  if (RangeVar) {
    const { catalogname, schemaname, relname: name, inh, alias, location } = RangeVar
    const isOther = catalogname !== undefined || (schemaname ?? 'pg_catalog') !== 'pg_catalog' || inh !== true
    if (isOther || !KNOWN.has(name)) return []
    return [{ name, isFunction: false, isQualified: schemaname !== undefined, hasAlias: alias !== undefined, location }]
  }
  if (RangeFunction) {
    const { functions, alias, ordinality, is_rowsfrom: isRowsFrom, coldeflist } = RangeFunction
    const call = functions[0]?.List.items[0]?.FuncCall as (FuncCall & { location: number }) | undefined
    if (call === undefined || functions.length > 1 || ordinality || isRowsFrom || coldeflist || call.args) return []
    const { schema, name } = readCall(call)
    const isOther = call.funcname.length > 2 || (schema ?? 'pg_catalog') !== 'pg_catalog'
    if (isOther || !KNOWN.has(name)) return []
    const isQualified = schema !== undefined
    return [{ name, isFunction: true, isQualified, hasAlias: alias !== undefined, location: call.location }]
  }
  return []
}

function isQualifiedReference(fields: readonly Node[]): boolean {
  const names = fields.map(({ String: name }) => (name as { sval?: string } | undefined)?.sval ?? '')
  return names.length > 2 && KNOWN.has(names[1] as string)
}
