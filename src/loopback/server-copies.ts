import { databaseName, openFromStatement, type SealingKey } from '../credentials/sealing.ts'
import { readColumns } from '../formats/parquet/shape.ts'
import type { RowsOfBlob } from '../operations/rows-of-blob.ts'
import type { ServerCopy } from '../operations/server-copy.ts'
import { rowOptionsOf } from '../operations/server-copy-options.ts'
import { type CopyPart, copyPart, isOurPlan } from '../operations/server-copy-part.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import { classify, type Statement } from '../sql/classify.ts'
import type { CopyPlan } from '../sql/copy-plan.ts'
import { hasSecret } from '../sql/copy-words.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { UnreadText } from '../sql/reader-lane.ts'
import { rejectedInFunction } from '../sql/rejected-rows.ts'
import { isSmall } from '../sql/text-reader.ts'

/** A text that azure_storage_private.statement() is to give back, with what it needs in the place of COPYs with URLs. */
export interface TextToRead {
  readonly text: string
  readonly standardConformingStrings: boolean
  readonly pid: number
  /** See databaseName(). */
  readonly database: string
}

/** Part of that text: as it is, or a COPY in parts. */
export type TextPart = { readonly text: string } | CopyPart

type Fields = Readonly<Record<string, unknown>>

export function readTextToRead(fields: Fields): TextToRead {
  const call = fields.call as Record<'pid' | 'database_in_hex', unknown>
  return {
    text: String(fields.text),
    standardConformingStrings: fields.standard_conforming_strings !== 'off',
    pid: Number(call.pid),
    database: databaseName(Buffer.from(String(call.database_in_hex), 'hex')),
  }
}

/** @throws PgError for a COPY that cannot be. */
export async function readText(request: TextToRead, services: Services, signal: AbortSignal): Promise<TextPart[]> {
  const text = Buffer.from(request.text, 'utf8').toString('latin1')
  const parts: TextPart[] = []
  const slice = (start: number, end: number): string => Buffer.from(text.slice(start, end), 'latin1').toString('utf8')
  let done = 0
  const statements = (await statementsOf(text, request, services, signal)) ?? []
  for (const statement of statements) {
    if (statement.kind === 'refuse') throw new PgError(statement.error)
    if (statement.kind !== 'copy') continue
    const { copy, start, end } = statement
    parts.push({ text: slice(done, start) })
    done = end
    if (statements.length > 1) {
      // What it needs may be made by the statements before it.
      if (hasSecret(statement, text)) throw notAlone()
      parts.push({ text: `SELECT azure_storage_private.run(${quoteLiteral(slice(start, end))})` })
      continue
    }
    const failure = copy.failure ?? (copy.rejected && rejectedInFunction())
    parts.push(copyPart({ ...copy, failure }, { text, encoding: 'UTF8' }, request, services.sealingKey))
  }
  return [...parts, { text: slice(done, text.length) }]
}

async function statementsOf(
  text: string,
  { standardConformingStrings, pid }: TextToRead,
  { config, texts, serverMajorVersion }: Services,
  signal: AbortSignal,
): Promise<Statement[] | undefined> {
  const settings = {
    encoding: 'UTF8',
    standardConformingStrings,
    endpoints: config.storageEndpoints,
    extras: config.extras === true,
    serverMajorVersion,
  }
  if (isSmall(text)) return classify(text, settings)
  try {
    return await texts.read({ text, settings, client: `backend ${pid}`, signal })
  } catch (error) {
    if (error instanceof UnreadText) return undefined // PostgreSQL's to run as it is
    throw error
  }
}

/** What a request is for, where it is a COPY of which readText() has given the parts. @throws PgError */
export function readServerCopy(fields: Fields, rows: RowsOfBlob, key: SealingKey): ServerCopy {
  const {
    plan: text,
    matched,
    proof,
    sas,
    client_encoding,
    relation_name,
    relation_columns,
    json_columns,
    default_mark,
  } = fields
  if (typeof text !== 'string' || !isOurPlan(text, String(proof), key)) throw notOurs()
  const written = JSON.parse(text) as CopyPlan
  const plan = Array.isArray(matched) && matched.length > 0 ? matchedPlan(written, matched.map(String)) : written
  // SQL takes whatever is not null for a SAS, and looks at no rights then.
  if (sas !== null && typeof sas !== 'string') throw notOurs()
  const isSame = plan.account === rows.account && plan.container === rows.container && plan.path === rows.path
  if (!isSame || !Array.isArray(relation_columns)) throw notOurs()
  if (plan.failure !== null) throw new PgError(plan.failure)
  const clientEncoding = String(client_encoding)
  const names = rows.columns.map(({ name }) => name ?? '')
  return {
    ...rows,
    coder: plan.format,
    compression: plan.compression,
    options: plan.direction === 'to' ? rowOptionsOf(plan, names, clientEncoding) : null,
    extra: plan.extraOptions,
    resolved: { format: plan.format, compression: plan.compression },
    plan,
    sas: sas === null ? undefined : openFromStatement(sas, ownerOf(rows), key),
    clientEncoding,
    relationName: String(relation_name),
    relationColumns: relation_columns.map(column => {
      const { name, generated, has_default } = (column ?? {}) as Record<string, unknown>
      return { name: String(name), generated: generated === true, hasDefault: has_default === true }
    }),
    jsonColumns: json_columns === undefined ? [] : readColumns(json_columns),
    defaultMark: String(default_mark),
  }
}

const matchedPlan = (plan: CopyPlan, columns: readonly string[]): CopyPlan => ({
  ...plan,
  columns,
  options: plan.matchOptions,
})

const ownerOf = ({ account, call }: RowsOfBlob) => ({
  account,
  pid: call.pid,
  database: databaseName(Buffer.from(call.database)),
})

function notAlone(): PgError {
  return new PgError({
    message: 'azure_storage: COPY with a shared access signature must be the only statement of an EXECUTE',
    code: SQLSTATE.featureNotSupported,
  })
}

function notOurs(): PgError {
  return new PgError({
    message: 'azure_storage: this is no COPY that a proxy of this server has read',
    code: SQLSTATE.invalidParameterValue,
  })
}
