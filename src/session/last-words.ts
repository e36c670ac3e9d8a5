import { fatalError } from '../protocol/messages.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

export const INTERNAL_ERROR = fatalError({
  message: 'blobgres: internal error of the proxy',
  code: SQLSTATE.internalError,
})

export function backendUnreachable(backendName: string, error: Error): Buffer {
  return fatalError({
    message: `blobgres: could not connect to the PostgreSQL server at ${backendName}`,
    code: SQLSTATE.cannotConnectNow,
    detail: (error as NodeJS.ErrnoException).code,
  })
}
