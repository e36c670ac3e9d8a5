import { mayCreateExtension as mayCreateSql } from '../extension/install.ts'
import { STATUS } from '../protocol/codes.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import { lookUp } from './look-up.ts'
import type { ResourceOwner } from './resource-owner.ts'

const LOOKUP = `SELECT ${mayCreateSql('pg_catalog.pg_backend_pid()')}`

/**
 * Whether the client may create extensions: an installer is made for nobody else, since a function that comes and goes
 * leaves dead rows in catalogues. @throws PgError, Answered
 */
export async function mayCreateExtension(
  backend: BorrowedBackend,
  owner: ResourceOwner,
  inPipeline: boolean,
): Promise<boolean> {
  // A failed transaction answers nothing; but the text may begin with its ROLLBACK.
  const hasFailed = backend.pending.status === STATUS.failed && !inPipeline
  const answer = hasFailed ? undefined : await lookUp(backend, LOOKUP, [], undefined, inPipeline)
  return answer === undefined ? owner.mayCreateExtension(backend.pid) : answer === 't'
}
