import { STATUS } from '../protocol/codes.ts'
import { asPgError, PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import { withHeaderMatch } from '../sql/copy-options.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { lookUp } from './look-up.ts'
import { newChallenge } from './script.ts'

/** The names of the columns of a COPY's blob, as bytes in the client's encoding; `told` is what copy_look() has told. */
export type BlobColumnsReader = (
  copy: CopyStatement,
  told: { readonly access: string; readonly proof: string; readonly challenge: string },
  backend: BorrowedBackend,
) => Promise<readonly Buffer[]>

/**
 * The COPY with its blob's columns for a list, of which PostgreSQL then says what it says of any. A mistake is told when
 * the COPY has begun, behind PostgreSQL's own complaints. @throws Answered
 */
export async function matchColumns(
  backend: BorrowedBackend,
  copy: CopyStatement,
  read: BlobColumnsReader,
  inPipeline: boolean,
): Promise<CopyStatement> {
  const { account, container, sas } = copy.url
  const challenge = newChallenge()
  const values = `${quoteLiteral(account)}, ${quoteLiteral(container)}, ${sas !== undefined}, ${copy.extra !== undefined}`
  const text = `SELECT azure_storage_private.copy_look(${values}, '${challenge}')`
  const hasFailed = backend.pending.status === STATUS.failed
  const told = hasFailed ? undefined : await lookUp(backend, text, [], undefined, inPipeline)
  const [access, proof] = told?.split(' ') ?? []
  if (access === undefined || proof === undefined) return { ...copy, failure: notYet() }
  try {
    const names = await read(copy, { access, proof, challenge }, backend)
    if (names.length === 0) return copy // nor rows
    const columns = names.map(name => name.toString('latin1'))
    return { ...copy, isMatched: true, columns, options: withHeaderMatch(copy.options) }
  } catch (error) {
    const { message, code, detail, hint } = asPgError(error)
    return { ...copy, failure: { message, code, detail, hint } }
  }
}

/** What the statements before it in the same text do is not done yet. */
const notYet = (): PgErrorFields =>
  new PgError({
    message: 'azure_storage: the columns of the blob could not be looked up',
    code: SQLSTATE.objectNotInPrerequisiteState,
    detail: 'COPY MATCH_BY_NAME looks at the blob before any statement of its query text has run.',
    hint: 'Send it in a query of its own.',
  })
