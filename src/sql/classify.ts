import type { InstallRequest } from '../extension/install.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { isBlobUrl } from '../storage/blob-url.ts'
import type { StorageEndpoints } from '../storage/endpoints.ts'
import { type AccountSecrets, accountSecrets } from './account-secrets.ts'
import { type CopyStatement, readCopyStatement, relationName, withoutSecrets } from './copy-statement.ts'
import { type RawStatement, splitStatements, type TextSettings } from './query-text.ts'

/** What the statement of a query text is to the proxy. */
export type Statement = StatementRange &
  (
    | { readonly kind: 'pass'; readonly creates?: CreatedRelation }
    | { readonly kind: 'copy'; readonly copy: CopyStatement }
    | { readonly kind: 'extension'; readonly tag: string; readonly request: InstallRequest }
    | { readonly kind: 'create-extension-call' }
    /** The backend is to see it without its credentials. */
    | ({ readonly kind: 'with-secrets' } & AccountSecrets)
    | {
        readonly kind: 'refuse'
        readonly error: PgError
        /** A COPY without the secrets of its URL: PostgreSQL's to run where COPY with URLs is off. */
        readonly copy?: string
      }
  )

export interface CreatedRelation {
  /** Quoted. */
  readonly relation: string
  readonly isView: boolean
}

export interface StatementRange {
  readonly start: number
  readonly end: number
}

export interface SqlSettings extends TextSettings {
  readonly endpoints: StorageEndpoints
}

const EXTENSION = 'azure_storage'

/** The statements of a query text (latin1, see splitStatements); undefined where none of them is ours. */
export function classify(text: string, settings: SqlSettings): Statement[] | undefined {
  const statements = splitStatements(text, settings)?.map(raw => classifyOne(raw, text, settings))
  return statements?.some(({ kind }) => kind !== 'pass') ? statements : undefined
}

function classifyOne(raw: RawStatement, text: string, settings: SqlSettings): Statement {
  const range = { start: raw.start, end: raw.end }
  const { node } = raw
  if ('CopyStmt' in node && !node.CopyStmt.is_program && isBlobUrl(node.CopyStmt.filename ?? '')) {
    try {
      return { ...range, kind: 'copy', copy: readCopyStatement(node.CopyStmt, raw, text, settings) }
    } catch (error) {
      if (!(error instanceof PgError)) throw error
      return { ...range, kind: 'refuse', error, copy: withoutSecrets(node.CopyStmt, raw, text, settings.encoding) }
    }
  }
  try {
    if ('CreateExtensionStmt' in node && node.CreateExtensionStmt.extname === EXTENSION) {
      const request: InstallRequest = {
        action: 'create',
        ifNotExists: node.CreateExtensionStmt.if_not_exists === true,
        ...extensionOptions(node.CreateExtensionStmt.options ?? []),
      }
      return { ...range, kind: 'extension', tag: 'CREATE EXTENSION', request }
    }
    if ('AlterExtensionStmt' in node && node.AlterExtensionStmt.extname === EXTENSION) {
      const { version } = extensionOptions(node.AlterExtensionStmt.options ?? [])
      return { ...range, kind: 'extension', tag: 'ALTER EXTENSION', request: { action: 'update', version } }
    }
    if (isCreateExtensionCall(raw)) return { ...range, kind: 'create-extension-call' }
  } catch (error) {
    if (error instanceof PgError) return { ...range, kind: 'refuse', error }
    throw error
  }
  const secrets = accountSecrets(raw, text, settings)
  if (secrets) return { ...range, kind: 'with-secrets', ...secrets }
  const creates = createdBy(node)
  return { ...range, kind: 'pass', ...(creates && { creates }) }
}

function createdBy(node: RawStatement['node']): CreatedRelation | undefined {
  if ('ViewStmt' in node && node.ViewStmt.view) return { relation: relationName(node.ViewStmt.view), isView: true }
  if ('CreateStmt' in node && node.CreateStmt.relation) {
    return { relation: relationName(node.CreateStmt.relation), isView: node.CreateStmt.partspec !== undefined }
  }
  if ('CreateTableAsStmt' in node && node.CreateTableAsStmt.into?.rel) {
    const { rel } = node.CreateTableAsStmt.into
    return { relation: relationName(rel), isView: node.CreateTableAsStmt.objtype === 'OBJECT_MATVIEW' }
  }
  return undefined
}

type Options = readonly object[]

function extensionOptions(options: Options): Pick<InstallRequest, 'schema' | 'version'> {
  const result: { schema?: string; version?: string } = {}
  for (const option of options) {
    const { defname, arg } = (option as { DefElem: { defname: string; arg?: { String?: { sval: string } } } }).DefElem
    const name = { schema: 'schema', new_version: 'version' }[defname] as 'schema' | 'version' | undefined
    if (name === undefined) continue
    if (result[name] !== undefined) {
      throw new PgError({ message: 'conflicting or redundant options', code: SQLSTATE.syntaxError })
    }
    result[name] = arg?.String?.sval ?? ''
  }
  return result
}

/** `SELECT create_extension('azure_storage')`, the way of Cosmos DB for PostgreSQL. */
function isCreateExtensionCall({ tokens }: RawStatement): boolean {
  const words = tokens.map(({ text }) => text.toLowerCase())
  return words.join(' ') === "select create_extension ( 'azure_storage' )"
}
