import { DatabaseError } from 'pg-protocol'
import { PgError } from '../protocol/pg-error.ts'

/** What the server has said to a connection of the proxy's own, for the client; any other error as it is. */
export function fromDatabase(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error
  return new PgError({
    message: error.message,
    code: error.code ?? 'XX000',
    detail: error.detail,
    hint: error.hint,
    context: error.where,
    cause: error,
  })
}
