import { STATUS } from '../protocol/codes.ts'
import type { PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import { lookUp } from './look-up.ts'
import { MAX_KEPT, MAX_KEPT_BYTES, type PreparedStatements } from './prepared-statements.ts'

/** In the client's encoding, as the names of its messages are. */
const NAMES = 'SELECT pg_catalog.json_agg(s.name)::pg_catalog.text FROM pg_catalog.pg_prepared_statements AS s'

export const TOO_MANY_PREPARED: PgErrorFields = {
  message: 'azure_storage: too many prepared statements',
  code: SQLSTATE.programLimitExceeded,
  detail: `A session keeps at most ${MAX_KEPT} statements for blobs and accounts, and ${MAX_KEPT_BYTES / 2 ** 20} MB of their texts.`,
  hint: 'Close them, or use DEALLOCATE.',
}

export const TOO_MANY_PORTALS: PgErrorFields = {
  message: 'azure_storage: too many portals',
  code: SQLSTATE.programLimitExceeded,
  detail: `A transaction has at most ${MAX_KEPT} portals of statements for blobs.`,
  hint: 'Close them, or end the transaction.',
}

/**
 * Whether one more may be kept. A DEALLOCATE or DISCARD may be anywhere, in functions too: only when there is no room the
 * backend is asked what it has. @throws Answered
 */
export async function makeRoom(
  backend: BorrowedBackend,
  kept: PreparedStatements,
  name: string,
  bytes: number,
  inPipeline: boolean,
): Promise<boolean> {
  if (kept.hasRoomFor(name, bytes)) return true
  if (backend.pending.status === STATUS.failed) return false
  const names = readNames(await lookUp(backend, NAMES, [], undefined, inPipeline))
  if (names !== undefined) kept.keepOnly(names)
  return kept.hasRoomFor(name, bytes)
}

/** Undefined where that could not be asked, or is no JSON byte by byte, as in encodings whose characters hold ASCII's bytes. */
function readNames(json: string | undefined): ReadonlySet<string> | undefined {
  try {
    return json === undefined ? undefined : new Set<string>(JSON.parse(json))
  } catch {
    return undefined
  }
}
