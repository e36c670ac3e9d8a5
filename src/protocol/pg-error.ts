import { SQLSTATE } from './sqlstate.ts'

export interface PgErrorFields {
  readonly message: string
  readonly code: string
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  readonly context?: string | undefined
  readonly cause?: unknown
}

/** An error the client sees as an ErrorResponse with severity ERROR; its session lives on. */
export class PgError extends Error {
  readonly code: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly context: string | undefined

  constructor(fields: PgErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'PgError'
    this.code = fields.code
    this.detail = fields.detail
    this.hint = fields.hint
    this.context = fields.context
  }
}

/** A statement's end before its time, in PostgreSQL's own words. */
export function queryCanceled(reason: 'user request' | 'statement timeout'): PgError {
  return new PgError({ message: `canceling statement due to ${reason}`, code: SQLSTATE.queryCanceled })
}

/** A peer broke the wire protocol (or a limit of it): its connection cannot go on. */
export class ProtocolError extends Error {
  readonly code: string
  readonly detail: string | undefined
  constructor(message: string, code: string = SQLSTATE.protocolViolation, detail?: string) {
    super(message)
    this.name = 'ProtocolError'
    this.code = code
    this.detail = detail
  }
}

/** What the client is told of any error: a PgError as it is, anything else as an internal one. */
export function asPgError(error: unknown): PgError {
  if (error instanceof PgError) return error
  return new PgError({
    message: `azure_storage: internal error: ${error instanceof Error ? error.message : String(error)}`,
    code: SQLSTATE.internalError,
    cause: error,
  })
}
