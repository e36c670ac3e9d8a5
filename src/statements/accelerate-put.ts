import { resolveFormat } from '../formats/format.ts'
import { readColumns } from '../formats/parquet/shape.ts'
import { columnFlags, type RowOptions, readRowOptions } from '../formats/rows/row-options.ts'
import { copyOfFunction } from '../sql/accelerate.ts'
import type { BlobPutCall, Written } from '../sql/accelerate-put.ts'
import { isAscii } from '../sql/encoding.ts'
import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { Rewrite } from '../sql/rewrite.ts'
import { checkAccountName, checkBlobPath, checkContainerName } from '../storage/names.ts'
import type { AccelerateContext, ParameterValue } from './accelerate-context.ts'
import { type Acceleration, newChallenge } from './script.ts'

/** What azure_storage_private.put_plan() tells. */
interface Plan {
  readonly account: string
  readonly container: string
  readonly path: string
  readonly encoder: string
  readonly compression: string
  readonly options: unknown
  readonly columns: readonly { readonly name: string }[]
  /** All types of the columns have a binary form. */
  readonly are_sent: boolean
  readonly has_canonical_styles: boolean
  readonly database_encoding: string
  readonly client_encoding: string
}

const UTF8 = 'UTF8'

/** blob_put() as COPY TO STDOUT. @throws PgError for what blob_put() will complain of, if it has rows */
export async function acceleratePut(call: BlobPutCall, context: AccelerateContext): Promise<Acceleration | undefined> {
  const { text, serverMajorVersion, isSuspended = false } = context
  const plan = await readPlan(call, context)
  if (plan === undefined || plan.columns.length === 0) return undefined
  const { account, container, path } = plan
  checkAccountName(account)
  checkContainerName(container)
  checkBlobPath(path)
  const format = resolveFormat(path, plan.encoder, plan.compression)
  const options = readRowOptions(plan.options, format.format, 'put')
  const copyOptions = copyOptionsOf(plan, format.format, options)
  if (copyOptions === undefined) return undefined
  const header = options.header
    ? { format: format.format, options, target: { majorVersion: serverMajorVersion, encoding: plan.database_encoding } }
    : undefined
  const copy = copyOfFunction('blob_put', { account, container, path, format }, call)
  const key = await context.lock(copy)
  const challenge = newChallenge()
  const open = openText(plan, challenge, {
    tuple: call.tuple,
    source: text.slice(call.source.start, call.source.end),
    needsColumns: format.format === 'parquet' || options.header,
  })
  const own = (sql: string): Rewrite => new Rewrite(text).put(sql, call.start)
  const describe = own('SELECT azure_storage_private.copy_settle(0) ')
  if (call.label) describe.keep(call.label.start, call.label.end).put(' WHERE false', call.end)
  else describe.put('AS blob_put WHERE false', call.end)
  return [
    ...(context.isExtended ? [] : [{ rewrite: describe, step: { kind: 'describe' } } as const]),
    { rewrite: own(open), step: { kind: 'open', copy, challenge } },
    { rewrite: rewritePut(call, text, copyOptions), step: { kind: 'put', copy, header } },
    {
      rewrite: own(`SELECT azure_storage_private.copy_settle(${key})`),
      step: { kind: 'put-result', isSuspended },
    },
  ]
}

/** Undefined where the server, or a parameter, does not allow it. */
async function readPlan(call: BlobPutCall, { text, ask, values = [] }: AccelerateContext): Promise<Plan | undefined> {
  const asked: Buffer[] = []
  const put = (value: Buffer): string => `$${asked.push(value)}::pg_catalog.text`
  const putText = (latin1: string): string => put(Buffer.from(latin1, 'latin1'))
  const putWritten = (written: Written, isJson: boolean): string | undefined => {
    const parts = written.map(part => {
      if (typeof part === 'string') return putText(part)
      const value = textOf(values[part - 1], isJson)
      return value && `pg_catalog.quote_literal(${put(value)})`
    })
    return parts.includes(undefined) ? undefined : `pg_catalog.concat(${parts.join(', ')})`
  }
  const list = (texts: readonly string[]): string => `ARRAY[${texts.join(', ')}]::pg_catalog.text[]`
  const written = call.arguments.map((argument, i) => putWritten(argument, i === JSON_ARGUMENT))
  if (written.includes(undefined)) return undefined
  const told = await ask(
    `SELECT azure_storage_private.put_plan(${putText(call.name)}, ${list(call.calls.map(putText))}, ${list(
      written as string[],
    )}, ${putText(call.tuple)}, ${putText(text.slice(call.source.start, call.source.end))})`,
    asked,
  )
  return told === undefined ? undefined : JSON.parse(Buffer.from(told, 'hex').toString())
}

/** Of the arguments without the tuple. */
const JSON_ARGUMENT = 5
const JSONB = 3802
/** Types of a parameter whose text is its value: unsaid, text, unknown, varchar. */
const TEXTS: readonly number[] = [0, 25, 705, 1043]
const JSONB_VERSION = 1

function textOf(parameter: ParameterValue | undefined, isJson: boolean): Buffer | undefined {
  const { value, isBinary, type } = parameter ?? {}
  if (value === undefined || type === undefined) return undefined
  if (isJson && isBinary && (type === JSONB || type === 0 || type === 705)) {
    return value[0] === JSONB_VERSION ? value.subarray(1) : undefined
  }
  return TEXTS.includes(type) || (isJson && type === JSONB) ? value : undefined
}

/** What stands behind WITH; undefined where COPY would write another encoding, or other styles, than blob_put(). */
function copyOptionsOf(
  { columns, database_encoding, client_encoding, ...plan }: Plan,
  format: string,
  { contentEncoding = client_encoding, ...options }: RowOptions,
): string | undefined {
  const names = columns.map(({ name }) => name)
  columnFlags(options.forceQuote, names)
  if (format === 'parquet') {
    readColumns(columns)
    return plan.has_canonical_styles && database_encoding === UTF8 ? "FORMAT text, ENCODING 'UTF8'" : undefined
  }
  if (contentEncoding !== database_encoding) return undefined
  const encoding = `ENCODING ${quoteLiteral(contentEncoding)}`
  switch (format) {
    case 'binary':
      return client_encoding === database_encoding && plan.are_sent ? 'FORMAT binary' : undefined
    case 'text':
      return names.length === 1 ? `FORMAT text, ${encoding}` : undefined
    case 'csv':
    case 'tsv': {
      const { delimiter, quote, escape: escapeByte, nullString, header, forceQuote } = options
      const texts = [nullString, ...forceQuote, ...(header ? names : [])]
      const isUtf8 = client_encoding === UTF8 && database_encoding === UTF8
      if (!isUtf8 && !texts.every(isAscii)) return undefined
      // Of two columns of a name, COPY takes the first.
      if (forceQuote.length > 0 && new Set(names).size < names.length) return undefined
      const written = (value: string): string => Buffer.from(value).toString('latin1')
      const byte = (value: number): string => quoteLiteral(String.fromCharCode(value))
      const both = `DELIMITER ${byte(delimiter)}, NULL ${quoteLiteral(written(nullString))}, ${encoding}`
      if (format === 'tsv') return `FORMAT text, ${both}`
      const isEach = forceQuote.length === 1 && forceQuote[0] === '*'
      const quoted = isEach ? '*' : `(${forceQuote.map(name => quoteIdent(written(name))).join(', ')})`
      const force = forceQuote.length > 0 ? `, FORCE_QUOTE ${quoted}` : ''
      return `FORMAT csv, ${both}, QUOTE ${byte(quote)}, ESCAPE ${byte(escapeByte)}${force}`
    }
    default:
      return undefined
  }
}

function openText(
  { account, container }: Plan,
  challenge: string,
  { tuple, source, needsColumns }: { readonly tuple: string; readonly source: string; readonly needsColumns: boolean },
): string {
  const hex = (latin1: string): string =>
    `azure_storage_private.client_text('${Buffer.from(latin1, 'latin1').toString('hex')}')`
  const columns = needsColumns ? `, azure_storage_private.put_columns(${hex(tuple)}, ${hex(source)})` : ''
  return (
    `SELECT a.access, a.proof${columns} FROM azure_storage_private.caller AS c, azure_storage_private.copy_access(` +
    `c, ${quoteLiteral(account)}, ${quoteLiteral(container)}, false, '${challenge}') AS a`
  )
}

/** The tuple in parentheses with a star is its columns, whatever they are called. */
function rewritePut({ tuple, source, where, start, end }: BlobPutCall, text: string, options: string): Rewrite {
  const rewrite = new Rewrite(text).put(`COPY (SELECT (${tuple}).* FROM `, start)
  if (where) {
    rewrite.keep(source.start, where.start).put(`${IN_ORDER} AND (`, where.start)
    rewrite.keep(where.start, where.end).put(')', where.end)
  } else rewrite.keep(source.start, source.end).put(` WHERE ${IN_ORDER}`, source.end)
  return rewrite.put(`) TO STDOUT WITH (${options}) /* azure_storage.blob_put */`, end)
}

const IN_ORDER = 'azure_storage_private.in_order()'
