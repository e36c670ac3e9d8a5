import { PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { isBlobUrl } from '../storage/blob-url.ts'
import { type Accelerable, accelerable } from './accelerate.ts'
import { type AccountSecrets, accountSecrets } from './account-secrets.ts'
import { catalogueEdits, type Edit } from './catalogue.ts'
import { type CopyStatement, readCopyStatement, relationName } from './copy-statement.ts'
import { rejectedSecrets, withoutSecrets } from './copy-words.ts'
import { UndecodedText } from './encoding.ts'
import { EXTENSION } from './extension-name.ts'
import { bodyEdits } from './function-body.ts'
import { type NamedExtensions, namedExtensions } from './named-extensions.ts'
import { type RawStatement, type SqlSettings, splitStatements } from './query-text.ts'
import { mayHoldCredential } from './scan.ts'
import { settingChange } from './setting-statements.ts'

/** What a statement of a query text is to the proxy: plain data, for it may have been read in another thread. */
export type Statement = StatementRange &
  (
    | PassingStatements
    | {
        readonly kind: 'copy'
        readonly copy: CopyStatement
        /** A statement before it in the text has made its relation. */
        readonly created?: CreatedRelation['kind']
      }
    | { readonly kind: 'extension'; readonly tag: string; readonly request: InstallRequest }
    | { readonly kind: 'create-extension-call'; readonly from: boolean }
    /** PostgreSQL's to run, and Azure's words for who may not. */
    | { readonly kind: 'drop-extension' }
    /** The backend gets other text in the place of some. */
    | { readonly kind: 'edited'; readonly edits: readonly Edit[] }
    /** SET of the passphrase, in the session itself. */
    | { readonly kind: 'set-passphrase'; readonly passphrase: string; readonly isLocal: boolean }
    /** Makes a function, or is a DO: where COPY with URLs is to work in it, it has to change. */
    | { readonly kind: 'body'; readonly edits: readonly Edit[] }
    /** The backend is to see it without its credentials. */
    | ({ readonly kind: 'with-secrets' } & AccountSecrets)
    /** It may run another way, or as it is; the first of its text. */
    | { readonly kind: 'accelerable'; readonly shape: Accelerable }
    | {
        readonly kind: 'refuse'
        readonly error: PgErrorFields
        /** It may be several statements, and have parameters. */
        readonly isUnread?: true
        /** A COPY without the secrets of its URL: PostgreSQL's to run where COPY with URLs is off. */
        readonly copy?: string
        /** It can be read with this text decoded: see SqlSettings. */
        readonly undecoded?: string
      }
  )

/** What CREATE or ALTER EXTENSION azure_storage asks for. */
export interface InstallRequest {
  readonly action: 'create' | 'update'
  readonly ifNotExists?: boolean | undefined
  readonly schema?: string | undefined
  readonly version?: string | undefined
}

/** So many in a row. */
interface PassingStatements {
  readonly kind: 'pass'
  readonly count: number
}

interface CreatedRelation {
  /** Quoted. */
  readonly relation: string
  readonly kind: 'table' | 'view'
}

export interface StatementRange {
  readonly start: number
  readonly end: number
  /** Those that it creates or drops, where Azure's list of extensions counts. */
  readonly extensions?: NamedExtensions
}

/** Each takes some queries of the proxy's own, and each credential some work: a text of more is refused. */
const MAX_STATEMENTS = 1000
const MAX_SECRETS = 100
/** Replacements in them, of some kB each; more pass as they are. */
const MAX_EDITED = 100
/** Parts that are told one by one, such as names of columns and options. */
const MAX_PARTS = 10_000

/** The statements of a query text (latin1, see splitStatements); undefined where none of them is ours. */
export function classify(text: string, settings: SqlSettings): Statement[] | undefined {
  const statements: Statement[] = []
  const created = new Map<string, CreatedRelation['kind']>()
  const sizes = { statements: 0, secrets: 0, parts: 0, edited: 0 }
  for (const raw of splitStatements(text, settings)) {
    const found = classifyOne(raw, text, settings)
    sizes.edited += found.kind === 'edited' ? found.edits.length : 0
    const isExcess = found.kind === 'edited' && sizes.edited > MAX_EDITED
    // What is before it may change what its names mean.
    const isLater = found.kind === 'accelerable' && statements.length > 0
    const statement: Statement =
      isExcess || isLater ? { kind: 'pass', start: raw.start, end: raw.end, count: 1 } : found
    const last = statements.at(-1)
    if (settings.strictAzure) {
      const extensions =
        statement.kind === 'create-extension-call'
          ? ({ action: 'create', names: [EXTENSION] } as const)
          : namedExtensions(raw, settings.encoding)
      if (extensions) {
        statements.push({ ...statement, extensions })
        sizes.statements++
        continue
      }
    }
    if (statement.kind === 'pass') {
      const creates = createdBy(raw.node)
      if (creates) created.set(creates.relation, creates.kind)
      const before = last?.kind === 'pass' && !last.extensions ? last : undefined
      if (before) statements.pop()
      const [start, count] = before ? [before.start, before.count] : [statement.start, 0]
      statements.push({ ...statement, start, count: count + 1 })
      continue
    }
    const known = statement.kind === 'copy' ? created.get(statement.copy.relation ?? '') : undefined
    statements.push(known ? ({ ...statement, created: known } as Statement) : statement)
    sizes.statements++
    sizes.secrets += statement.kind === 'with-secrets' ? statement.secrets.length : 0
    sizes.parts += partsOf(statement)
    if (sizes.statements > MAX_STATEMENTS || sizes.secrets > MAX_SECRETS || sizes.parts > MAX_PARTS) {
      return refuseText(text, tooMany())
    }
  }
  return sizes.statements > 0 ? statements : undefined
}

/** A text of which nothing is to run. */
export const refuseText = (text: string, error: PgErrorFields): Statement[] => [
  { kind: 'refuse', start: 0, end: text.length, error, isUnread: true },
]

export const tooComplex = (detail: string, hint?: string): PgErrorFields => ({
  message: 'azure_storage: the statement is too complex to be read',
  code: SQLSTATE.statementTooComplex,
  detail,
  hint,
})

const tooMany = (): PgErrorFields =>
  tooComplex(
    `A query holds at most ${MAX_STATEMENTS} statements for blobs and accounts, ${MAX_SECRETS} credentials, and ${MAX_PARTS} columns and options.`,
    'Send the statements in several queries.',
  )

function partsOf(statement: Statement): number {
  if (statement.kind === 'body') return statement.edits.length
  return statement.kind === 'copy' ? statement.copy.columns.length + statement.copy.options.length : 0
}

function classifyOne(raw: RawStatement, text: string, settings: SqlSettings): Statement {
  const range = { start: raw.start, end: raw.end }
  const { node } = raw
  if (raw.reading === 'too complex') return { ...range, ...unreadable(raw, text) }
  if ('CopyStmt' in node && !node.CopyStmt.is_program && isBlobUrl(node.CopyStmt.filename ?? '')) {
    try {
      return { ...range, kind: 'copy', copy: readCopyStatement(node.CopyStmt, raw, text, settings) }
    } catch (error) {
      if (error instanceof UndecodedText) return { ...range, ...undecoded(error) }
      if (!(error instanceof PgError)) throw error
      return {
        ...range,
        kind: 'refuse',
        error: fieldsOf(error),
        copy: withoutSecrets(node.CopyStmt, raw, text, settings.encoding),
      }
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
    const call = createExtensionCall(raw)
    if (call) return { ...range, kind: 'create-extension-call', ...call }
    const other = ofExtension(node)
    if (other) return { ...range, ...other }
  } catch (error) {
    if (error instanceof PgError) return { ...range, kind: 'refuse', error: fieldsOf(error) }
    throw error
  }
  const secrets =
    accountSecrets(raw, text, settings) ?? ('CopyStmt' in node ? rejectedSecrets(node.CopyStmt, raw) : undefined)
  if (secrets) return { ...range, kind: 'with-secrets', ...secrets }
  const change = settingChange(raw, settings.encoding)
  if (change) return { ...range, ...change }
  const edits = catalogueEdits(raw)
  if (edits.length > 0) return { ...range, kind: 'edited', edits }
  const body = bodyEdits(raw, text, settings)
  if (body) return { ...range, kind: 'body', edits: body }
  const shape = accelerable(raw, text, settings)
  if (shape) return { ...range, kind: 'accelerable', shape }
  return { ...range, kind: 'pass', count: 1 }
}

const undecoded = ({ latin1 }: UndecodedText) => ({
  kind: 'refuse' as const,
  error: { message: 'azure_storage: the statement could not be read', code: SQLSTATE.internalError },
  undecoded: latin1,
})

const fieldsOf = ({ message, code, detail, hint }: PgError): PgErrorFields => ({ message, code, detail, hint })

/** A statement that PostgreSQL may run though the parser here cannot read it: not with a credential or a URL in it. */
function unreadable(
  { tokens, start, end }: RawStatement,
  text: string,
):
  | Pick<Extract<Statement, { kind: 'pass' }>, 'kind' | 'count'>
  | Pick<Extract<Statement, { kind: 'refuse' }>, 'kind' | 'error' | 'isUnread'> {
  const isCopy = tokens[0]?.text.toLowerCase() === 'copy' && tokens.some(token => isBlobUrl(token.text.slice(1)))
  if (!isCopy && !mayHoldCredential(text.slice(start, end))) return { kind: 'pass', count: 1 }
  const why = tokens.length > 0 ? 'An expression in it is too deep.' : 'Its words cannot be told apart.'
  return { kind: 'refuse', error: tooComplex(why), isUnread: true }
}

function createdBy(node: RawStatement['node']): CreatedRelation | undefined {
  if ('ViewStmt' in node && node.ViewStmt.view) return { relation: relationName(node.ViewStmt.view), kind: 'view' }
  if ('CreateStmt' in node && node.CreateStmt.relation) {
    const { relation, partspec } = node.CreateStmt
    return { relation: relationName(relation), kind: partspec === undefined ? 'table' : 'view' }
  }
  if ('CreateTableAsStmt' in node && node.CreateTableAsStmt.into?.rel) {
    const { rel } = node.CreateTableAsStmt.into
    const { objtype } = node.CreateTableAsStmt
    return { relation: relationName(rel), kind: objtype === 'OBJECT_MATVIEW' ? 'view' : 'table' }
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

/** `SELECT create_extension('azure_storage')`, the way of Cosmos DB for PostgreSQL, or `SELECT * FROM` it. */
function createExtensionCall({ tokens }: RawStatement): { from: boolean } | undefined {
  if (tokens.length > 7) return undefined
  const words = tokens.map(({ text }) => text.toLowerCase()).join(' ')
  const call = /^select (\* from )?create_extension \( 'azure_storage' \)$/.exec(words)
  return call ? { from: call[1] !== undefined } : undefined
}

/** What PostgreSQL does with the extension, but for what it says. */
function ofExtension(
  node: RawStatement['node'],
): { kind: 'drop-extension' } | { kind: 'refuse'; error: PgErrorFields } | undefined {
  if ('DropStmt' in node && node.DropStmt.removeType === 'OBJECT_EXTENSION') {
    const names = (node.DropStmt.objects ?? []).map(object => (object as { String?: { sval?: string } }).String?.sval)
    return names.includes(EXTENSION) ? { kind: 'drop-extension' } : undefined
  }
  if ('AlterObjectSchemaStmt' in node && node.AlterObjectSchemaStmt.objectType === 'OBJECT_EXTENSION') {
    const { object } = node.AlterObjectSchemaStmt as { object?: { String?: { sval?: string } } }
    if (object?.String?.sval !== EXTENSION) return undefined
    const message = 'SET SCHEMA clause for ALTER EXTENSION is not supported.'
    return { kind: 'refuse', error: { message, code: SQLSTATE.featureNotSupported } }
  }
  return undefined
}
