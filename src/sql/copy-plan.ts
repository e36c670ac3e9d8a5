import type { Format, ResolvedFormat } from '../formats/format.ts'
import type { PgErrorFields } from '../protocol/pg-error.ts'
import type { OptionValue } from './copy-option.ts'
import { type WrittenOption, withHeaderMatch } from './copy-options.ts'
import type { Condition, CopyQuery, CopyStatement } from './copy-statement.ts'
import { decodeText } from './encoding.ts'
import type { ExtraOptions } from './extra-options.ts'
import type { FilePattern } from './file-pattern.ts'

/** A COPY that a function of the server runs, without the proxy seeing it there: all that it says, as JSON has it. */
export interface CopyPlan {
  readonly direction: 'from' | 'to'
  readonly account: string
  readonly container: string
  readonly path: string
  readonly format: Format
  readonly compression: ResolvedFormat['compression']
  /** Quoted: what to_regclass() takes. Null where it is a query. */
  readonly relation: string | null
  readonly query: CopyQuery | null
  /** Null where it is allowed in any session. */
  readonly extra: PgErrorFields | null
  readonly extraOptions: ExtraOptions
  readonly failure: PgErrorFields | null
  readonly files: FilePattern | null
  readonly columns: readonly string[]
  /** `WHERE …` as it was written. */
  readonly where: string | null
  readonly condition: Condition | null
  /** What stands between the parentheses behind WITH in PostgreSQL's own COPY, quoted anew. */
  readonly options: string
  /** The same where the column list is the blob's header. */
  readonly matchOptions: string
  readonly given: Readonly<Record<string, OptionValue>>
}

/** `text` is the query text that the statement is from. */
export function planCopy(copy: CopyStatement, text: string, encoding: string): CopyPlan {
  const { url, format, places, condition } = copy
  const decode = <T extends OptionValue>(value: T): T => decodeValue(value, encoding) as T
  return {
    direction: copy.direction,
    account: url.account,
    container: url.container,
    path: url.path,
    ...format,
    relation: copy.relation === undefined ? null : decode(copy.relation),
    query: copy.query === undefined ? null : { ...copy.query, text: decode(copy.query.text) },
    extra: copy.extra ?? null,
    extraOptions: copy.extraOptions,
    failure: copy.failure ?? null,
    files: copy.files ?? null,
    columns: copy.columns.map(decode),
    where: places.where === undefined ? null : decode(text.slice(places.where, places.end)),
    condition: condition === undefined ? null : { ...condition, names: condition.names.map(decode) },
    options: decode(listed(copy.options)),
    matchOptions: decode(listed(withHeaderMatch(copy.options))),
    given: Object.fromEntries(copy.given.map(({ name, value }) => [name, value === undefined ? true : decode(value)])),
  }
}

const listed = (options: readonly WrittenOption[]): string => options.map(({ text }) => text).join(', ')

function decodeValue(value: OptionValue, encoding: string): OptionValue {
  if (typeof value === 'string') return decodeText(value, encoding)
  if (Array.isArray(value)) return value.map(part => decodeValue(part, encoding))
  return value
}
