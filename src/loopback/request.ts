import type { Shape } from '../formats/parquet/shape.ts'
import { createTranscoder } from '../formats/rows/content-encoding.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { CallOrigin } from './calls.ts'
import { readSealRequest, type SealRequest } from './seal-request.ts'

/** What the database says of an account that the caller may use, and the proof of it. */
export interface Grant {
  readonly authType: string
  readonly sealed: string | null
  readonly passphrase: string
  readonly mac: string
}

/** Which account, with which credential; without `grant`: anonymously. */
export interface Target {
  readonly call: CallOrigin
  readonly account: string
  readonly container: string
  readonly grant: Grant | undefined
}

export interface Column {
  readonly name: string | undefined
  readonly oid: number
  readonly typmod: number
  /** Told where the coder is Parquet. */
  readonly shape: Shape | undefined
}

/** A blob as rows: how it is encoded, and what the rows are. */
export interface RowsOfBlob extends Target {
  readonly path: string
  readonly coder: string
  readonly compression: string
  readonly options: unknown
  readonly columns: readonly Column[]
  /** The database's encoding, which is that of all texts in the exchange. */
  readonly encoding: string
  /** A first column tells the line where each row begins. */
  readonly withLine: boolean
}

export type Request =
  | { readonly verb: 'PING' }
  | { readonly verb: 'CANCEL'; readonly sessions: readonly string[] }
  | ({ readonly verb: 'LIST'; readonly prefix: string } & Target)
  | ({ readonly verb: 'GET' } & RowsOfBlob)
  | ({ readonly verb: 'OPEN' } & RowsOfBlob)
  | ({ readonly verb: 'SEAL' } & SealRequest)
  | { readonly verb: 'DATA' | 'COMMIT'; readonly upload: string; readonly payload: Buffer }

/** Reads the text of a loopback Query, in the database's encoding: verb, JSON, and for rows a payload behind a newline. */
export function readRequest(body: Buffer, encoding: string): Request {
  const newline = body.indexOf(0x0a)
  const line = body.subarray(0, newline < 0 ? body.length : newline)
  const head = (createTranscoder(encoding, 'UTF8')?.convert(line) ?? line).toString('utf8')
  const space = head.indexOf(' ')
  const verb = space < 0 ? head : head.slice(0, space)
  const rest = head.slice(space + 1)
  switch (verb) {
    case 'PING':
      return { verb }
    case 'CANCEL':
      return { verb, sessions: JSON.parse(rest) }
    case 'LIST': {
      const fields = JSON.parse(rest)
      return { verb, ...readTarget(fields), prefix: String(fields.prefix) }
    }
    case 'GET':
    case 'OPEN': {
      const fields = JSON.parse(rest)
      return {
        verb,
        ...readTarget(fields),
        path: String(fields.path),
        coder: String(verb === 'GET' ? fields.decoder : fields.encoder),
        compression: String(fields.compression),
        options: fields.options ?? null,
        columns: (fields.columns as RawColumn[]).map(column => ({
          name: column.name ?? undefined,
          oid: Number(column.oid),
          typmod: Number(column.typmod),
          shape: column.shape,
        })),
        encoding: String(fields.encoding),
        withLine: fields.with_line === true,
      }
    }
    case 'SEAL':
      return { verb, ...readSealRequest(rest) }
    case 'DATA':
    case 'COMMIT':
      return { verb, upload: rest, payload: newline < 0 ? Buffer.alloc(0) : body.subarray(newline + 1) }
    default:
      throw new PgError({ message: `azure_storage: unknown loopback request`, code: SQLSTATE.protocolViolation })
  }
}

interface RawColumn {
  readonly name?: string | null
  readonly oid: number | string
  readonly typmod: number
  readonly shape?: Shape
}

interface RawTarget {
  readonly call: Record<'pid' | 'session' | 'statement' | 'timeout_ms' | 'database' | 'block_size_mb', unknown>
  readonly account: unknown
  readonly container: unknown
  readonly grant?: {
    readonly auth_type: string
    readonly sealed?: string | null
    readonly passphrase?: string | null
    readonly mac: string
  } | null
}

function readTarget({ call, account, container, grant }: RawTarget): Target {
  return {
    call: {
      pid: Number(call.pid),
      session: typeof call.session === 'string' ? call.session : undefined,
      statement: String(call.statement),
      timeoutMs: Number(call.timeout_ms),
      database: String(call.database),
      blockSizeMb: Number(call.block_size_mb),
    },
    account: String(account),
    container: String(container),
    grant: grant
      ? {
          authType: grant.auth_type,
          sealed: grant.sealed ?? null,
          passphrase: grant.passphrase ?? '',
          mac: String(grant.mac),
        }
      : undefined,
  }
}
