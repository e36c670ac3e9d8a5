import { type Coder, readCoder } from '../operations/blob-get.ts'
import { PgError } from '../protocol/pg-error.ts'
import type { BlobInsert } from '../sql/blob-insert.ts'
import { asciiUrl } from '../sql/copy-words.ts'
import { isAscii } from '../sql/encoding.ts'
import { isUnsafeEncoding } from '../sql/query-text.ts'
import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { checkAccountName, checkBlobPath, checkContainerName } from '../storage/names.ts'

/** A column of the statement's result, as RowDescription tells it: of a domain, what that is based on. */
export interface DescribedColumn {
  readonly name: string
  readonly oid: number
  readonly typmod: number
}

/** How an INSERT runs as COPY. */
export interface InsertPlan {
  readonly account: string
  readonly container: string
  readonly path: string
  readonly coder: Coder
  /** Makes the table, where that is the statement's. */
  readonly creation: string | undefined
  readonly copy: string
  /** Ours, before it. */
  readonly open: (challenge: string) => string
}

/** The session's. */
export interface PlanSettings {
  readonly clientEncoding: string
  readonly serverEncoding: string
}

/** As azure_storage_private.insert_target() tells it. */
interface Target {
  /** Null where it is to be made. */
  readonly relation: string | null
  readonly columns: readonly (DescribedColumn & { readonly listed: boolean; readonly omitted: boolean })[]
}

/** As azure_storage_private.insert_plan() tells them. */
interface Arguments {
  readonly account: string
  readonly container: string
  readonly path: string
  readonly decoder: string
  readonly compression: string
  readonly options: unknown
  readonly columns: readonly { readonly name: string; readonly oid: number; readonly shape?: unknown }[]
}

/**
 * A query whose one row begins with what the server knows of the statement; behind that are the columns of its result, all
 * NULL: the blob is not read.
 */
export const planText = ({ relation, creation, name, args, rows }: BlobInsert): string => `
SELECT azure_storage_private.insert_plan(pg_catalog.to_regclass(${quoteLiteral(relation)}), ${creation !== undefined},
  '${name}', pg_catalog.current_schemas(true), azure_storage_private.get_arguments(${args}
), azure_storage_private.columns_of_record(r.*)), r.*
FROM (SELECT q.* FROM (SELECT) AS one LEFT JOIN (SELECT * FROM ${rows}
) AS q ON false) AS r`

/** Undefined where the two might differ. */
export function planInsert(
  insert: BlobInsert,
  told: string,
  described: readonly DescribedColumn[],
  settings: PlanSettings,
): InsertPlan | undefined {
  const [targetInHex = '', argumentsInHex = ''] = told.split(' ')
  const target: Target = JSON.parse(Buffer.from(targetInHex, 'hex').toString())
  const given: Arguments = JSON.parse(Buffer.from(argumentsInHex, 'hex').toString())
  const columns = targetColumns(insert, target, described)
  const isSame =
    columns.length === described.length &&
    selectsAll(insert, described) &&
    target.columns.every(column => column.omitted || columns.includes(column)) &&
    columns.every(({ oid, typmod, listed }, i) => {
      const [from, base] = [given.columns[i], described[i]]
      return listed && from?.oid === oid && base?.oid === oid && base.typmod === typmod
    })
  const coder = isSame ? readGiven(given, settings) : undefined
  if (coder === undefined || !isReadAlike(coder, columns, settings)) return undefined
  const names = insert.creation === undefined ? columns.map(({ name }) => name) : []
  const { relation } = target
  if (settings.clientEncoding !== 'UTF8' && !isAscii([relation, ...names].join())) return undefined
  const { account, container, path } = given
  const latin1 = (text: string): string => Buffer.from(text).toString('latin1')
  const list = names.length === 0 ? '' : ` (${names.map(name => quoteIdent(latin1(name))).join(', ')})`
  const shapes = Buffer.from(JSON.stringify(coder.format === 'parquet' ? given.columns : [])).toString('hex')
  const checked = relation === null ? 'NULL' : `${quoteLiteral(latin1(relation))}::pg_catalog.regclass`
  const values = [account, container].map(quoteLiteral).join(', ')
  return {
    ...{ account, container, path, coder, creation: insert.creation },
    copy: `COPY ${latin1(relation ?? insert.relation)}${list} FROM STDIN WITH (${optionsOf(coder)}) /* blob_get: ${shown(given)} */`,
    open: challenge => `SELECT o.access, o.proof, '${shapes}'
FROM azure_storage_private.insert_open(${checked}, '${targetInHex}', ${values}, '${challenge}') AS o`,
  }
}

/** Those that get values, in the order of these: named, or the first so many; or all of a table that is to be made. */
function targetColumns(
  { columns, creation }: BlobInsert,
  target: Target,
  described: readonly DescribedColumn[],
): Target['columns'] {
  if (creation !== undefined) return described.map(column => ({ ...column, listed: true, omitted: true }))
  if (columns.length === 0) return target.columns.slice(0, described.length)
  if (columns.length !== described.length) return []
  return columns.flatMap(name => target.columns.find(column => column.name === name) ?? [])
}

/** COPY reads all of a row, in the order of the file. */
const selectsAll = ({ selected }: BlobInsert, described: readonly DescribedColumn[]): boolean =>
  selected === undefined ||
  (selected.length === described.length && selected.every((name, i) => name === described[i]?.name))

/** Undefined where blob_get has something to say of them. */
function readGiven(
  { account, container, path, decoder, compression, options }: Arguments,
  { clientEncoding }: PlanSettings,
) {
  try {
    checkAccountName(account)
    checkContainerName(container)
    checkBlobPath(path)
    return readCoder({ path, coder: decoder, compression, options, clientEncoding }, 'get')
  } catch (error) {
    if (error instanceof PgError) return undefined
    throw error
  }
}

/** Types whose binary form and text are the same value, whatever the session: the functions read binary files as text. */
const PLAIN_BINARY: ReadonlySet<number> = new Set([
  ...[16, 17, 18, 19, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1083, 1114, 1184, 1700, 2950, 3802, 114],
])

/** Whether COPY makes of such a blob what its decoder does. */
function isReadAlike(
  { format, options, encoding }: Coder,
  columns: Target['columns'],
  { clientEncoding, serverEncoding }: PlanSettings,
): boolean {
  const { forceNull, forceNotNull, nullString } = options
  if (forceNull.length > 0 || forceNotNull.length > 0 || !isAscii(nullString)) return false
  if ([encoding, serverEncoding].includes('SQL_ASCII') || isUnsafeEncoding(encoding)) return false
  if (format === 'text') return columns.length === 1
  if (format !== 'binary') return true
  return encoding === clientEncoding && columns.every(({ oid }) => PLAIN_BINARY.has(oid))
}

function optionsOf({ format, options, encoding }: Coder): string {
  const char = (byte: number): string => quoteLiteral(String.fromCharCode(byte))
  if (format === 'binary') return 'FORMAT binary'
  if (format === 'parquet') return "FORMAT text, ENCODING 'UTF8'"
  if (format === 'text') return `FORMAT text, ENCODING '${encoding}'`
  const rows = `DELIMITER ${char(options.delimiter)}, NULL ${quoteLiteral(options.nullString)}, HEADER ${options.header}`
  const quotes = `QUOTE ${char(options.quote)}, ESCAPE ${char(options.escape)}, `
  return `FORMAT ${format === 'csv' ? `csv, ${quotes}` : 'text, '}${rows}, ENCODING '${encoding}'`
}

/** For whoever reads pg_stat_activity or the server's log. */
const shown = ({ account, container, path }: Arguments): string =>
  asciiUrl(`${account}/${container}/${path}`).replaceAll('*', '%2A')
