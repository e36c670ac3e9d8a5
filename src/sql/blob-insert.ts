import type { RangeVar } from 'libpg-query'
import { isWarnedOf } from './accelerate-put.ts'
import { relationName } from './copy-statement.ts'
import { isAscii } from './encoding.ts'
import { type FuncCall, type Node, readCall } from './expressions.ts'
import { isUnsafeEncoding, type RawStatement, type SqlSettings } from './query-text.ts'

/**
 * `INSERT INTO t [(…)] SELECT … FROM azure_storage.blob_get(…) [AS r (…)]`, or `CREATE TABLE t AS SELECT …` of the same,
 * that may run as COPY; as plain data.
 */
export interface BlobInsert {
  /** The table, quoted: what to_regclass() takes. */
  readonly relation: string
  /** What makes it, without rows; undefined: it is there. */
  readonly creation: string | undefined
  /** The column list, without quotes; none: it has none. */
  readonly columns: readonly string[]
  /** Names of the columns that are selected; undefined: all. */
  readonly selected: readonly string[] | undefined
  /** The function's, with its schema or without. */
  readonly name: 'blob_get' | 'azure_storage.blob_get'
  /** The arguments of the call, as written. */
  readonly args: string
  /** The call and what follows it. */
  readonly rows: string
}

const SCHEMA = 'azure_storage'
const OPTIONS: ReadonlySet<string> = new Set([
  'options_csv_get',
  'options_copy',
  'options_tsv',
  'options_binary',
  'options_parquet',
])

/**
 * The statement, if nothing is in it but what is known here: any other part of PostgreSQL's tree, and it is none. All
 * that catalogues have to do with it, the server tells later.
 */
export function readBlobInsert(raw: RawStatement, text: string, settings: SqlSettings): BlobInsert | undefined {
  const statement = text.slice(raw.start, raw.end)
  const into = readInsert(raw.node) ?? readCreation(raw.node, statement)
  if (into === undefined || isWarnedOf(raw, statement, settings) || isUnsafeEncoding(settings.encoding))
    return undefined
  const { relation, columns, creation } = into
  const select = readSelect(into.select)
  const call = select && readArguments(select.call, raw, text)
  if (select === undefined || call === undefined || columns === undefined) return undefined
  if (!hasOnly(relation, RELATION_PARTS) || !isAscii(relationName(relation))) return undefined
  return { relation: relationName(relation), creation, columns, selected: select.selected, ...call }
}

const RELATION_PARTS = ['schemaname', 'relname', 'inh', 'relpersistence', 'location']

interface Into {
  readonly relation: Node & RangeVar
  readonly columns: readonly string[] | undefined
  readonly select: Node
  readonly creation: string | undefined
}

function readInsert(node: Node): Into | undefined {
  const insert = partOf(node, 'InsertStmt', ['relation', 'cols', 'selectStmt', 'override'])
  if (insert === undefined || insert.override !== 'OVERRIDING_NOT_SET') return undefined
  const columns = namesOf((insert.cols ?? []) as readonly Node[], readTarget)
  return {
    relation: insert.relation as Into['relation'],
    columns,
    select: insert.selectStmt as Node,
    creation: undefined,
  }
}

function readCreation(node: Node, statement: string): Into | undefined {
  const create = partOf(node, 'CreateTableAsStmt', ['query', 'into', 'objtype'])
  const into = create?.into as Node | undefined
  if (into === undefined || create?.objtype !== 'OBJECT_TABLE' || !hasOnly(into, INTO_PARTS)) return undefined
  const relation = into.rel as Into['relation']
  return { relation, columns: [], select: create.query as Node, creation: `${statement} WITH NO DATA` }
}

const INTO_PARTS = ['rel', 'colNames', 'accessMethod', 'options', 'onCommit', 'tableSpaceName']

/** The one part of a node, with no other parts than those. */
function partOf(node: Node | undefined, kind: string, parts: readonly string[]): Node | undefined {
  const part = node?.[kind] as Node | undefined
  return part !== undefined && hasOnly(part, parts) ? part : undefined
}

const hasOnly = (part: Node, keys: readonly string[]): boolean => Object.keys(part).every(key => keys.includes(key))

function readSelect(node: Node): { call: Node; selected: readonly string[] | undefined } | undefined {
  const select = partOf(node, 'SelectStmt', ['targetList', 'fromClause', 'limitOption', 'op'])
  if (select === undefined || select.op !== 'SETOP_NONE' || select.limitOption !== 'LIMIT_OPTION_DEFAULT')
    return undefined
  const from = select.fromClause as readonly Node[] | undefined
  const range = from?.length === 1 ? partOf(from[0], 'RangeFunction', ['functions', 'alias', 'coldeflist']) : undefined
  const functions = range?.functions as readonly { List?: { items?: readonly Node[] } }[] | undefined
  const call = partOf(functions?.[0]?.List?.items?.[0], 'FuncCall', ['funcname', 'args', 'funcformat', 'location'])
  if (range === undefined || call === undefined || functions?.length !== 1) return undefined
  const { schema, name } = readCall(call as unknown as FuncCall)
  if ((schema ?? SCHEMA) !== SCHEMA || name !== 'blob_get') return undefined
  const { aliasname = 'blob_get' } = (range.alias ?? {}) as { aliasname?: string }
  const targets = (select.targetList ?? []) as readonly Node[]
  if (targets.length === 1 && isStar(targets[0] as Node, aliasname)) return { call, selected: undefined }
  const selected = namesOf(targets, target => readColumn(target, aliasname))
  return selected === undefined || selected.length === 0 ? undefined : { call, selected }
}

/** Names that are told apart, and written alike in every encoding; undefined where one is not. */
function namesOf(nodes: readonly Node[], read: (node: Node) => string | undefined): readonly string[] | undefined {
  const names = nodes.map(read)
  const areNames = names.every(name => name !== undefined && isAscii(name))
  return areNames && new Set(names).size === names.length ? (names as string[]) : undefined
}

const readTarget = (node: Node): string | undefined =>
  partOf(node, 'ResTarget', ['name', 'location'])?.name as string | undefined

function fieldsOf(target: Node): readonly Node[] {
  const value = partOf(target, 'ResTarget', ['name', 'val', 'location'])?.val as Node | undefined
  return (partOf(value, 'ColumnRef', ['fields', 'location'])?.fields ?? []) as readonly Node[]
}

const identifier = (node: Node | undefined): string | undefined => (node?.String as { sval?: string } | undefined)?.sval

/** Without what may stand before it: the name of what it is a column of. */
function unqualified(fields: readonly Node[], alias: string): Node | undefined {
  if (fields.length === 1) return fields[0]
  return fields.length === 2 && identifier(fields[0]) === alias ? fields[1] : undefined
}

const isStar = (target: Node, alias: string): boolean => 'A_Star' in (unqualified(fieldsOf(target), alias) ?? {})

const readColumn = (target: Node, alias: string): string | undefined => identifier(unqualified(fieldsOf(target), alias))

function readArguments(
  call: Node,
  raw: RawStatement,
  text: string,
): Pick<BlobInsert, 'name' | 'args' | 'rows'> | undefined {
  const args = (call.args ?? []) as readonly Node[]
  if (!args.every(arg => isConstant(arg))) return undefined
  const { tokens } = raw
  const start = raw.offsetOf(call.location as number)
  const first = tokens.findIndex(token => token.start === start)
  const { schema } = readCall(call as unknown as FuncCall)
  const begin = first + (schema === undefined ? 1 : 3)
  const open = tokens[begin]
  const count = (word: string): number => tokens.slice(0, first).filter(({ text }) => text === word).length
  const isInside = count('(') !== count(')')
  if (first < 0 || open?.text !== '(' || isInside || tokens.at(-1)?.text.toLowerCase() === 'data') return undefined
  let depth = 0
  for (const token of tokens.slice(begin)) {
    if (token.text === '(') depth++
    else if (token.text === ')' && --depth === 0) {
      const name = schema === undefined ? 'blob_get' : 'azure_storage.blob_get'
      return { name, args: text.slice(open.end, token.start), rows: text.slice(start, raw.end) }
    }
  }
  return undefined
}

/** Options of arrays of casts are not as deep. */
const MAX_DEPTH = 10

/** What may be computed once more than it stands there: constants, parameters, and options of them. */
function isConstant(node: Node, depth = 0): boolean {
  if ('A_Const' in node || 'ParamRef' in node) return true
  const parts = depth < MAX_DEPTH ? partsOfConstant(node) : undefined
  return parts?.every(part => isConstant(part, depth + 1)) ?? false
}

/** Undefined where it is none. */
function partsOfConstant(node: Node): readonly Node[] | undefined {
  const named = partOf(node, 'NamedArgExpr', ['arg', 'name', 'argnumber', 'location'])
  const cast = partOf(node, 'TypeCast', ['arg', 'typeName', 'location'])
  if (named ?? cast) return [(named ?? cast)?.arg as Node]
  if ('A_ArrayExpr' in node) return ((node.A_ArrayExpr as Node).elements ?? []) as readonly Node[]
  const call = partOf(node, 'FuncCall', ['funcname', 'args', 'funcformat', 'location'])
  if (call === undefined) return undefined
  const { schema, name, args } = readCall(call as unknown as FuncCall)
  return schema === SCHEMA && OPTIONS.has(name) ? args : undefined
}
