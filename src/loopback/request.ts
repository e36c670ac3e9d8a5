import { readGrant, readWish } from '../credentials/access.ts'
import { databaseName } from '../credentials/sealing.ts'
import type { Shape } from '../formats/parquet/shape.ts'
import { readSealRequest, type SealRequest } from '../operations/account-add.ts'
import type { Column, RowsOfBlob, Target } from '../operations/rows-of-blob.ts'
import { PgError, ProtocolError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { decodeText } from '../sql/encoding.ts'
import { type FaultRequest, readFaultRequest } from './fault-requests.ts'
import type { ProvedRequest } from './handshake.ts'
import { readTextToRead, type TextToRead } from './server-copies.ts'

type Fields = ProvedRequest['fields']

export type Request =
  | { readonly verb: 'PING' | 'TRANSFERS' }
  | { readonly verb: 'CANCEL'; readonly sessions: readonly string[] }
  | ({ readonly verb: 'LIST'; readonly prefix: string } & Target)
  | ({ readonly verb: 'GET' } & RowsRequest)
  | ({ readonly verb: 'NAMES' } & RowsRequest)
  | ({ readonly verb: 'OPEN' } & RowsRequest)
  | ({ readonly verb: 'READ' } & TextToRead)
  | ({ readonly verb: 'SEAL' } & SealRequest)
  | FaultRequest

/** `copy`: for a COPY that runs in the server. */
type RowsRequest = RowsOfBlob & { readonly copy: Fields | undefined }

/** The text of a loopback Query. The name of an upload is its password, so its rows need no proof. */
export type Message =
  | { readonly kind: 'hello' | 'request'; readonly text: string }
  | { readonly kind: 'rows'; readonly upload: string; readonly isLast: boolean; readonly rows: Buffer }
  | { readonly kind: 'failed'; readonly sqlstate: string }

/** What else it has is the extension's own; see blob-put.sql. */
const ROWS_HEAD = /^(DATA|COMMIT) [0-Ybct] ([\w-]{12}) [0-9a-f]{16}\n/
const MAX_ROWS_HEAD = 40
const FAILED = /^FAILED ([0-9A-Z]{5})$/

/** `DATA` and `COMMIT` have rows behind a newline, in the database's encoding. */
export function readMessage(body: Buffer): Message {
  const head = ROWS_HEAD.exec(body.toString('latin1', 0, MAX_ROWS_HEAD))
  if (head !== null) {
    const [{ length }, verb, upload] = head as unknown as [string, string, string]
    return { kind: 'rows', upload, isLast: verb === 'COMMIT', rows: body.subarray(length) }
  }
  const text = body.toString('latin1')
  const [, sqlstate] = FAILED.exec(text) ?? []
  if (sqlstate !== undefined) return { kind: 'failed', sqlstate }
  return { kind: text.startsWith('HELLO ') ? 'hello' : 'request', text }
}

/** @throws ProtocolError */
export function readRequest({ verb, fields }: ProvedRequest): Request {
  switch (verb) {
    case 'PING':
    case 'TRANSFERS':
      return { verb }
    case 'CANCEL':
      return { verb, sessions: list(fields.sessions).map(text) }
    case 'LIST':
      return { verb, ...readTarget(fields), prefix: text(fields.prefix) }
    case 'GET':
    case 'NAMES':
    case 'OPEN':
      return {
        verb,
        ...readRowsOfBlob(fields, verb === 'OPEN' ? fields.encoder : fields.decoder),
        copy: typeof fields.copy === 'object' && fields.copy !== null ? (fields.copy as Fields) : undefined,
      }
    case 'READ':
      return { verb, ...readTextToRead(fields) }
    case 'SEAL':
      return { verb, ...readSealRequest(fields) }
    case 'INJECT':
    case 'CLEAR':
    case 'FAULTS':
      return readFaultRequest(verb, fields, databaseOf(fields))
    default:
      throw new ProtocolError('azure_storage: unknown loopback request')
  }
}

function readRowsOfBlob(fields: Fields, coder: unknown): RowsOfBlob {
  return {
    ...readTarget(fields),
    path: text(fields.path),
    coder: text(coder),
    compression: text(fields.compression),
    options: fields.options ?? null,
    files: fields.files,
    columns: list(fields.columns).map(readColumn),
    encoding: String(fields.encoding),
    clientEncoding: String(fields.client_encoding),
    withLine: fields.with_line === true,
  }
}

function readColumn(column: unknown): Column {
  const { name, oid, typmod, domain, shape } = (column ?? {}) as Record<string, unknown>
  return {
    name: typeof name === 'string' ? name : undefined,
    oid: Number(oid),
    typmod: Number(typmod),
    isDomain: domain === true,
    shape: shape as Shape | undefined,
  }
}

function readTarget(fields: Fields): Target {
  const call = fields.call as Record<
    'pid' | 'session' | 'statement' | 'timeout_ms' | 'user_in_hex' | 'database' | 'block_size_mb' | 'progress',
    unknown
  >
  const account = text(fields.account)
  return {
    call: {
      pid: Number(call.pid),
      session: typeof call.session === 'string' ? call.session : undefined,
      statement: String(call.statement),
      timeoutMs: Number(call.timeout_ms),
      user: decodeText(Buffer.from(String(call.user_in_hex), 'hex').toString('latin1'), String(fields.encoding)),
      database: String(call.database),
      blockSizeMb: Number(call.block_size_mb),
      progress: readWish(call.progress),
    },
    databaseName: databaseOf(fields),
    account,
    container: text(fields.container),
    grant: readGrant(fields.access, account),
  }
}

function databaseOf({ call }: Fields): string {
  const { database_in_hex } = call as Record<'database_in_hex', unknown>
  return databaseName(Buffer.from(String(database_in_hex), 'hex'))
}

/** Most of a request comes from the caller, who may call the private functions with anything. */
function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw new PgError({ message: 'azure_storage: incomplete request', code: SQLSTATE.invalidParameterValue })
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  throw new PgError({ message: 'azure_storage: incomplete request', code: SQLSTATE.invalidParameterValue })
}
