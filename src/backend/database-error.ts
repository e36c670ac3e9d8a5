import { DatabaseError } from 'pg-protocol'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** What the server has said to a connection of the proxy's own, or that it is lost, for the client; any other error as it is. */
export function fromDatabase(error: unknown): unknown {
  if (isOfLostConnection(error)) return connectionLost(error)
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

export const connectionLost = (cause: unknown): PgError =>
  new PgError({
    message: 'azure_storage: the proxy lost its connection to the server',
    code: SQLSTATE.connectionFailure,
    cause,
  })

/** pg gives its own no code; those of the system name the call that has failed. */
const isOfLostConnection = (error: unknown): boolean =>
  error instanceof Error &&
  !(error instanceof PgError) &&
  (error.message.startsWith('Connection terminated') || ['read', 'write'].includes(String(Object(error).syscall)))
