import { randomBytes } from 'node:crypto'
import { CREATE_EXTENSION_REFUSAL, installerStatement, setPassphrase } from '../extension/install.ts'
import { resolveFormat } from '../formats/format.ts'
import type { CopyPart } from '../operations/server-copy-part.ts'
import { PgError } from '../protocol/pg-error.ts'
import type { Accelerable } from '../sql/accelerate.ts'
import { rewriteSecrets } from '../sql/account-secrets.ts'
import type { Statement } from '../sql/classify.ts'
import { type CopyStatement, rewriteCopy, type SelectedRows } from '../sql/copy-statement.ts'
import type { SealOne } from '../sql/credential-config.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { Rewrite, rewriteParts } from '../sql/rewrite.ts'
import type { BlobUrl } from '../storage/blob-url.ts'
import type { RowHeader } from './row-header.ts'

/** One statement that the backend runs for the client, and what becomes of its replies. */
export type Step =
  /** The client's own: its replies pass. */
  | { readonly kind: 'pass' }
  /** Ours: its row says how to reach the blob. */
  | { readonly kind: 'open'; readonly copy: CopyStatement; readonly challenge: string }
  | { readonly kind: 'copy-from'; readonly copy: CopyStatement }
  | { readonly kind: 'copy-to'; readonly copy: CopyStatement }
  /** A COPY that the server's functions run: an INFO of theirs says how many rows it has copied, others with the mark are of those it has left out. */
  | { readonly kind: 'copy-in-server'; readonly copy: CopyStatement; readonly rejectedMark: string }
  /** Ours: waits until the blob is committed. */
  | { readonly kind: 'await-commit' }
  /** Ours: what the client's statement would have for a description of its rows. */
  | { readonly kind: 'describe' }
  /** COPY TO STDOUT in the place of blob_put(), and what waits and answers for that. */
  | { readonly kind: 'put'; readonly copy: CopyStatement; readonly header: RowHeader | undefined }
  | { readonly kind: 'put-result'; readonly isSuspended: boolean }
  /** Prepared, it is looked at when it runs: it may run another way. */
  | ({ readonly kind: 'accelerable' } & PreparedAccelerable)
  /** The client's own; but one may not, and is told so in Azure's words. */
  | { readonly kind: 'drop-extension' }
  /** Does the client's work under another name: only its command tag changes. */
  | { readonly kind: 'retag'; readonly tag: string }
  /** Fails, for a reason the proxy knows. */
  | { readonly kind: 'refuse'; readonly error: PgError }

export interface PreparedAccelerable {
  readonly shape: Accelerable
  /** The client's, and the types that it has given to the parameters. */
  readonly text: string
  readonly types: readonly number[]
}

/** What runs in the place of a statement, one after the other: as parts of a query text, or each by itself. */
export type Acceleration = readonly { readonly rewrite: Rewrite; readonly step: Step }[]

export type CopyPartWriter = (copy: CopyStatement, text: string) => CopyPart

const PASS: Step = { kind: 'pass' }

/** What the statements of ours in one query text need: looked up or made before it is sent. */
export interface Resources {
  /** Select list for a relation that COPY TO cannot read itself, such as a view. */
  readonly selectList: (copy: CopyStatement) => SelectedRows | undefined
  /** The installer function in the session's database; none where the client may not create extensions. */
  readonly installer: string | undefined
  /** Undefined where the statement runs as it is. */
  readonly acceleration: (shape: Accelerable) => Acceleration | undefined
  readonly commitKey: (copy: CopyStatement) => bigint
  /** What the server's functions take in the place of a COPY that they run; `text` is the query text. */
  readonly copyPart: CopyPartWriter
  /** Seals a credential that is written in a statement. */
  readonly seal: SealOne
}

/** A query text as the backend gets it. */
export interface Script {
  readonly text: string
  readonly steps: readonly Step[]
  readonly rewrite: Rewrite
}

/** A simple query's text, with our own statements around those of the client's that they serve. */
export function writeScript(text: string, statements: readonly Statement[], resources: Resources): Script {
  const rewrite = new Rewrite(text)
  const steps: Step[] = []
  let done = 0
  for (const statement of statements) {
    rewrite.keep(done, statement.start)
    done = statement.end
    if (statement.kind === 'copy') {
      const { copy } = statement
      const step = copyStep(copy)
      for (const open of openSteps(copy)) {
        rewrite.put(`${openText(open.copy, open.challenge)}; `, statement.start)
        steps.push(open)
      }
      rewrite.append(rewritten(step, text, resources))
      steps.push(step)
      if (writesBlob(copy)) {
        rewrite.put(`; ${awaitCommitText(copy, resources.commitKey(copy))}`, statement.end)
        steps.push({ kind: 'await-commit' })
      }
    } else if (isChanged(statement)) {
      const { rewrite: changed, step } = change(statement, text, resources)
      rewrite.append(changed)
      steps.push(step)
    } else if (statement.kind === 'accelerable') {
      const parts = resources.acceleration(statement.shape)
      if (parts === undefined) rewrite.keep(statement.start, statement.end)
      for (const [i, part] of (parts ?? []).entries()) {
        if (i > 0) rewrite.put('; ', statement.end)
        rewrite.append(part.rewrite)
      }
      steps.push(...(parts?.map(({ step }) => step) ?? [PASS]))
    } else if (statement.kind === 'pass') {
      rewrite.keep(statement.start, statement.end)
      for (let i = 0; i < statement.count; i++) steps.push(PASS)
    } else {
      const { text: own, step } = writeStatement(statement, resources)
      rewrite.put(own, statement.start)
      steps.push(step)
    }
  }
  rewrite.keep(done, text.length)
  return { text: rewrite.text, steps, rewrite }
}

/** The text of a Parse message, which holds one statement. */
export function writePrepared(
  text: string,
  statement: Exclude<Statement, { kind: 'pass' }>,
  types: readonly number[],
  resources: Resources,
): Script {
  if (statement.kind === 'accelerable') {
    const step: Step = { kind: 'accelerable', shape: statement.shape, text, types }
    return { text, steps: [step], rewrite: new Rewrite(text).keep(0, text.length) }
  }
  const rewrite = new Rewrite(text).keep(0, statement.start)
  if (statement.kind === 'copy') {
    const step = copyStep(statement.copy)
    rewrite.append(rewritten(step, text, resources))
    return { text: rewrite.text, steps: [step], rewrite }
  }
  if (isChanged(statement)) {
    const { rewrite: changed, step } = change(statement, text, resources)
    rewrite.append(changed)
    return { text: rewrite.text, steps: [step], rewrite }
  }
  const { text: own, step } = writeStatement(statement, resources)
  rewrite.put(own, statement.start)
  return { text: rewrite.text, steps: [step], rewrite }
}

export const openText = (copy: CopyStatement, challenge: string): string => {
  const { url, original } = copy
  const values = `${quoteLiteral(url.account)}, ${quoteLiteral(url.container)}, ${quoteLiteral(original)}`
  const call = `azure_storage_private.copy_open(${values}, ${url.sas !== undefined}, '${challenge}')`
  return `SELECT *${columnsText(copy)}${filesText(copy)} FROM ${call}${extraText(copy)}`
}

/** What is read of its row comes by its place. */
const filesText = (copy: CopyStatement): string =>
  copy.files === undefined
    ? ''
    : `${columnsText(copy) === '' ? ", ''" : ''}, azure_storage_private.file_settings()::pg_catalog.text`

/** Fails where the session has no extras on, before anything else is looked at. */
function extraText({ extra }: CopyStatement): string {
  if (extra === undefined) return ''
  const { message, code, hint } = extra
  const values = [message, code, hint ?? ''].map(quoteLiteral).join(', ')
  return ` WHERE azure_storage_private.require_extras(${values}) IS NOT NULL`
}

export const awaitCommitText = ({ direction, format: { format } }: CopyStatement, key: bigint): string =>
  `SELECT azure_storage_private.copy_settle(${key})` +
  (direction === 'to' && format === 'parquet' ? ', azure_storage_private.restore_styles()' : '')

/** What else is selected for Parquet: the columns, and for an export styles of values that do not depend on the session. */
function columnsText({ direction, format: { format }, relation, query, columns }: CopyStatement): string {
  if (format !== 'parquet' && !(format === 'jsonl' && direction === 'from')) return ''
  // In hexadecimal, because not every message's text is in the client's encoding.
  const hex = (name: string): string => `'${Buffer.from(name, 'latin1').toString('hex')}'`
  const clientText = (name: string): string => `azure_storage_private.client_text(${hex(name)})`
  const list = query
    ? query.isSelect
      ? `azure_storage_private.query_shapes(${clientText(query.text)})`
      : "''"
    : `azure_storage_private.copy_columns(pg_catalog.to_regclass(${clientText(relation ?? '')}), ARRAY[${columns.map(hex)}]::pg_catalog.text[])`
  return direction === 'from' ? `, ${list}` : `, ${list}, azure_storage_private.use_canonical_styles()`
}

/**
 * A statement that fails, whatever state the session is in; the client is told the step's own error instead. Where COPY
 * with URLs is off, it runs `copy`, for PostgreSQL to refuse it in its own words.
 */
export function refusal(copy?: string): string {
  const setting = "pg_catalog.current_setting('azure_storage.enable_copy_command', true)"
  const off = `NOT coalesce(CASE WHEN pg_catalog.textne(${setting}, '') THEN ${setting} END, 'on')::boolean`
  const native = copy === undefined ? '' : `IF ${off} THEN EXECUTE ${quoteLiteral(copy)}; END IF; `
  return `DO ${quoteLiteral(`BEGIN ${native}RAISE EXCEPTION 'azure_storage'; END`)}`
}

/** A fresh random number, which makes what the database says of an account good for this once. */
export const newChallenge = (): string => randomBytes(16).toString('hex')

export const newCommitKey = (): bigint => randomBytes(8).readBigInt64BE()

type CopyStep = Extract<Step, { kind: 'copy-from' | 'copy-to' | 'copy-in-server' }>

function copyStep(copy: CopyStatement): CopyStep {
  if (isRunInServer(copy)) return { kind: 'copy-in-server', copy, rejectedMark: newChallenge() }
  return { kind: copy.direction === 'from' ? 'copy-from' : 'copy-to', copy }
}

/** Before the COPY, for each of its blobs; the last one's is the one that it writes. */
export const openSteps = (copy: CopyStatement): Extract<Step, { kind: 'open' }>[] =>
  [copy, ...(copy.rejected ? [rejectedCopy(copy, copy.rejected)] : [])].map(copy => ({
    kind: 'open',
    copy,
    challenge: newChallenge(),
  }))

/** What COPY TO would be that writes the rows which are left out. */
export const rejectedCopy = (copy: CopyStatement, url: BlobUrl): CopyStatement => ({
  ...copy,
  direction: 'to',
  url,
  format: resolveFormat(url.path, 'csv', 'auto'),
  extra: undefined,
  files: undefined,
  rejected: undefined,
})

/** Whether it is through only when its blob is committed. */
export const writesBlob = ({ direction, rejected }: CopyStatement): boolean =>
  direction === 'to' || rejected !== undefined

/** PostgreSQL's own COPY cannot do it. */
export const isRunInServer = ({ extraOptions }: CopyStatement): boolean => extraOptions.onError === 'ignore'

function rewritten(step: CopyStep, text: string, resources: Resources): Rewrite {
  const { copy } = step
  if (step.kind !== 'copy-in-server')
    return rewriteCopy(copy, text, copy.direction === 'to' ? resources.selectList(copy) : undefined)
  const mark = copy.rejected ? { rejected_mark: step.rejectedMark } : {}
  const part = quoteLiteral(JSON.stringify({ ...resources.copyPart(copy, text), ...mark }))
  return new Rewrite(text).put(`CALL azure_storage_private.copy_in_server(${part})`, copy.places.start)
}

/** A statement of the client's of which a part has changed. */
type Changed = Extract<Statement, { kind: 'with-secrets' | 'edited' | 'body' | 'drop-extension' }>

const isChanged = (statement: Statement): statement is Changed =>
  ['with-secrets', 'edited', 'body', 'drop-extension'].includes(statement.kind)

function change(statement: Changed, text: string, { seal }: Resources): { rewrite: Rewrite; step: Step } {
  const { start, end } = statement
  switch (statement.kind) {
    case 'with-secrets':
      return { rewrite: rewriteSecrets(statement, statement.secrets, text, seal), step: PASS }
    case 'edited':
    case 'body':
      return { rewrite: rewriteParts(statement, statement.edits, text), step: PASS }
    case 'drop-extension':
      return { rewrite: new Rewrite(text).keep(start, end), step: { kind: 'drop-extension' } }
    default:
      return statement satisfies never
  }
}

function writeStatement(
  statement: Exclude<Statement, Changed | { kind: 'pass' | 'copy' | 'accelerable' }>,
  { installer, seal }: Resources,
): { text: string; step: Step } {
  switch (statement.kind) {
    case 'refuse':
      return {
        text: refusal(statement.copy),
        step: { kind: 'refuse', error: new PgError(statement.error) },
      }
    case 'extension':
      return {
        text: installerStatement(installer, statement.request),
        step: { kind: 'retag', tag: statement.tag },
      }
    case 'create-extension-call': {
      const call = `${installer}('create', current_user, false, NULL, NULL) AS create_extension`
      return {
        text: installer === undefined ? CREATE_EXTENSION_REFUSAL : `SELECT ${statement.from ? '* FROM ' : ''}${call}`,
        step: { kind: 'retag', tag: 'SELECT 1' },
      }
    }
    case 'set-passphrase': {
      const sealed = seal(statement.passphrase, undefined, 'passphrase')
      return { text: setPassphrase(sealed, statement.isLocal), step: { kind: 'retag', tag: 'SET' } }
    }
    default:
      return statement satisfies never
  }
}
