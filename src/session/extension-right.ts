import { mayCreateExtension as mayCreateSql } from '../extension/install.ts'
import { STATUS } from '../protocol/codes.ts'
import type { Leases } from './leases.ts'
import { ANSWERED, lookUp } from './look-up.ts'
import type { Session } from './session.ts'

const LOOKUP = `SELECT ${mayCreateSql('pg_catalog.pg_backend_pid()')}`

/**
 * Whether the client may create extensions: an installer is made for nobody else, since a function that comes and goes
 * leaves dead rows in catalogues. Undefined where the client has been told of an error. @throws PgError
 */
export async function mayCreateExtension(
  session: Session,
  leases: Leases,
  inPipeline: boolean,
): Promise<boolean | undefined> {
  // A failed transaction answers nothing; but the text may begin with its ROLLBACK.
  const hasFailed = session.pending.status === STATUS.failed && !inPipeline
  const answer = hasFailed ? undefined : await lookUp(session, LOOKUP, [], undefined, inPipeline)
  if (answer === ANSWERED) return undefined
  return answer === undefined ? leases.mayCreateExtension(session.backendPid) : answer === 't'
}
