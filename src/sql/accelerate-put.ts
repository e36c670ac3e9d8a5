import { topLevel } from './copy-words.ts'
import { isAscii } from './encoding.ts'
import { type FuncCall, type Node, readCall } from './expressions.ts'
import { isUnsafeEncoding, type RawStatement, type SqlSettings, type Token } from './query-text.ts'

/** SQL in parts: as it is written, and the numbers of parameters. */
export type Written = readonly (string | number)[]

/** `SELECT blob_put(constants, t) FROM t`, with what stands in it as it is written. */
export interface BlobPutCall extends Range {
  readonly form: 'blob-put'
  readonly name: 'blob_put' | 'azure_storage.blob_put'
  /** Account, container, path, and then encoder, compression, options. */
  readonly arguments: readonly Written[]
  /** The functions in them. */
  readonly calls: readonly string[]
  readonly tuple: string
  /** All behind FROM. */
  readonly source: Range
  /** The condition, where there is one. */
  readonly where: Range | undefined
  /** The column's name, with AS or without. */
  readonly label: Range | undefined
}

interface Range {
  readonly start: number
  readonly end: number
}

const SCHEMA = 'azure_storage'
const TUPLE = 3
const OPTIONS = 6

/** A statement with anything else in it runs as it is. */
const SELECT_PARTS = new Set(['targetList', 'fromClause', 'whereClause', 'limitOption', 'op'])
const CALL_PARTS = new Set(['funcname', 'args', 'funcformat', 'location'])
/** PostgreSQL cuts longer names, and says so. */
const MAX_NAME = 63

export function readBlobPut(raw: RawStatement, text: string, settings: SqlSettings): BlobPutCall | undefined {
  const { SelectStmt: select } = raw.node as { SelectStmt?: Node }
  if (!select || !hasOnly(select, SELECT_PARTS) || select.op !== 'SETOP_NONE') return undefined
  if (select.limitOption !== 'LIMIT_OPTION_DEFAULT') return undefined
  const { start, end } = raw
  if (isWarnedOf(raw, text.slice(start, end), settings)) return undefined
  const call = soleCall(select)
  const name = call && nameOf(call)
  const alias = sourceAlias(select.fromClause as readonly Node[] | undefined)
  if (name === undefined || !isColumn(call?.args?.[TUPLE], alias)) return undefined
  if (hasParameterOrLock(select.fromClause) || hasParameterOrLock(select.whereClause)) return undefined
  const calls = constantCalls(call?.args ?? [])
  const words = readWords(raw.tokens, name)
  if (calls === undefined || words === undefined || words.arguments.length !== call?.args?.length) return undefined
  const [from, where] = [topLevel(raw.tokens, 'from'), topLevel(raw.tokens, 'where')]
  const rangeOf = (first: number, behind: number): Range => ({
    start: (raw.tokens[first] as Token).start,
    end: (raw.tokens[behind - 1] as Token).end,
  })
  const label = from > words.end ? rangeOf(words.end, from) : undefined
  const count = raw.tokens.length
  return {
    form: 'blob-put',
    ...{ start, end, name, calls, label },
    arguments: words.arguments.filter((_, i) => i !== TUPLE).map(argument => written(argument, text)),
    tuple: written(words.arguments[TUPLE] as Token[], text).join(''),
    source: rangeOf(from + 1, count),
    where: where < 0 ? undefined : rangeOf(where + 1, count),
  }
}

/** Of what a part of it would be told twice, or is not read as the server reads it. */
const isWarnedOf = ({ tokens }: RawStatement, text: string, settings: SqlSettings): boolean =>
  (isUnsafeEncoding(settings.encoding) && !isAscii(text)) ||
  (!settings.standardConformingStrings && text.includes('\\')) ||
  tokens.some(token => token.text.length > MAX_NAME && !token.text.startsWith("'"))

const hasOnly = (node: Node, parts: ReadonlySet<string>): boolean => Object.keys(node).every(key => parts.has(key))

function soleCall({ targetList }: Node): FuncCall | undefined {
  const [target, ...others] = (targetList ?? []) as readonly { ResTarget?: { val?: { FuncCall?: FuncCall } } }[]
  const call = target?.ResTarget?.val?.FuncCall
  return others.length === 0 && call && hasOnly(call as unknown as Node, CALL_PARTS) ? call : undefined
}

function nameOf(call: FuncCall): BlobPutCall['name'] | undefined {
  const names = call.funcname.map(({ String: { sval } }) => sval)
  const { args = [] } = readCall(call)
  if (args.length < TUPLE + 1 || args.length > OPTIONS + 1 || names.at(-1) !== 'blob_put') return undefined
  if (names.length === 1) return 'blob_put'
  return names.length === 2 && names[0] === SCHEMA ? 'azure_storage.blob_put' : undefined
}

/** The name by which a sole table or subquery is known. */
function sourceAlias(sources: readonly Node[] | undefined): string | undefined {
  if (sources?.length !== 1) return undefined
  const { RangeVar, RangeSubselect } = sources[0] as Record<
    'RangeVar' | 'RangeSubselect',
    { relname: string; lateral?: boolean; alias?: { aliasname: string; colnames?: unknown } } | undefined
  >
  // The row of a table has the table's names, whatever its columns are called here.
  if (RangeVar) return RangeVar.alias?.colnames ? undefined : (RangeVar.alias?.aliasname ?? RangeVar.relname)
  return RangeSubselect?.lateral ? undefined : RangeSubselect?.alias?.aliasname
}

function isColumn(node: Node | undefined, name: string | undefined): boolean {
  const { ColumnRef } = (node ?? {}) as { ColumnRef?: { fields: readonly { String?: { sval: string } }[] } }
  return name !== undefined && ColumnRef?.fields.length === 1 && ColumnRef.fields[0]?.String?.sval === name
}

function hasParameterOrLock(root: unknown): boolean {
  const open: unknown[] = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    if ('ParamRef' in node || 'lockingClause' in node) return true
    open.push(...Object.values(node))
  }
  return false
}

/** The functions in the arguments beside the tuple; undefined where these are more than constants. */
function constantCalls(args: readonly Node[]): string[] | undefined {
  const calls: string[] = []
  const isConstant = (node: Node, types: ReadonlySet<string>): boolean => {
    const { A_Const, TypeCast } = node as { A_Const?: unknown; TypeCast?: { arg: Node; typeName: TypeName } }
    if (TypeCast) return isPlainType(TypeCast.typeName, types) && isConstant(TypeCast.arg, types)
    return A_Const !== undefined || 'ParamRef' in node
  }
  const isInOptions = (node: Node): boolean => {
    const { NamedArgExpr, A_ArrayExpr, TypeCast } = node as Record<
      'NamedArgExpr' | 'A_ArrayExpr' | 'TypeCast',
      { arg: Node; elements?: readonly Node[]; typeName: TypeName } | undefined
    >
    if (NamedArgExpr) return isInOptions(NamedArgExpr.arg)
    if (TypeCast) return isPlainType(TypeCast.typeName, OPTION_TYPES, true) && isInOptions(TypeCast.arg)
    if (A_ArrayExpr) return (A_ArrayExpr.elements ?? []).every(isInOptions)
    return 'A_Const' in node
  }
  const isArgument = (node: Node, i: number): boolean => {
    if (i === TUPLE || isConstant(node, i === OPTIONS ? JSON_TYPES : TEXT_TYPES)) return true
    const { FuncCall } = node as { FuncCall?: FuncCall }
    if (i !== OPTIONS || !FuncCall || !hasOnly(FuncCall as unknown as Node, CALL_PARTS)) return false
    const name = FuncCall.funcname.map(({ String: { sval } }) => sval).join('.')
    calls.push(name)
    return /^(azure_storage\.)?options_[a-z_]+$/.test(name) && (FuncCall.args ?? []).every(isInOptions)
  }
  return args.every(isArgument) ? calls : undefined
}

interface TypeName {
  readonly names?: FuncCall['funcname']
  readonly typmods?: unknown
  readonly arrayBounds?: unknown
  readonly setof?: unknown
  readonly pct_type?: unknown
}

const TEXT_TYPES = new Set(['text', 'pg_catalog.text', 'pg_catalog.varchar'])
const JSON_TYPES = new Set(['jsonb', 'pg_catalog.jsonb'])
const OPTION_TYPES = new Set([...TEXT_TYPES, 'pg_catalog.bool'])

function isPlainType({ names = [], ...more }: TypeName, types: ReadonlySet<string>, arrays = false): boolean {
  if (more.typmods || more.setof || more.pct_type || (more.arrayBounds && !arrays)) return false
  return types.has(names.map(({ String: { sval } }) => sval).join('.'))
}

/** The words of each argument, and the index behind the call; undefined where it stands elsewhere. */
function readWords(tokens: readonly Token[], name: string): { arguments: Token[][]; end: number } | undefined {
  const open = name === 'blob_put' ? 2 : 4
  if (tokens[open]?.text !== '(') return undefined
  const found: Token[][] = [[]]
  let depth = 0
  for (let i = open + 1; i < tokens.length; i++) {
    const token = tokens[i] as Token
    if (token.text === ')' && depth === 0) return { arguments: found, end: i + 1 }
    if (token.text === '(' || token.text === '[') depth++
    if (token.text === ')' || token.text === ']') depth--
    if (token.text === ',' && depth === 0) found.push([])
    else found.at(-1)?.push(token)
  }
  return undefined
}

function written(words: readonly Token[], text: string): Written {
  const parts: (string | number)[] = []
  let done = (words[0] as Token).start
  for (const { text: word, start, end } of words) {
    if (!/^\$\d+$/.test(word)) continue
    parts.push(text.slice(done, start), Number(word.slice(1)))
    done = end
  }
  return [...parts, text.slice(done, (words.at(-1) as Token).end)]
}
