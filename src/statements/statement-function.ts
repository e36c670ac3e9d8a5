import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Statement } from '../sql/classify.ts'
import { lookUp } from './look-up.ts'

const LOOKUP = "SELECT pg_catalog.to_regprocedure('azure_storage_private.statement(pg_catalog.text)') IS NOT NULL"

/**
 * Whether bodies of functions may call what COPY with a URL takes in them; not where that cannot be asked, because
 * nothing runs there. @throws Answered
 */
export async function hasStatementFunction(
  backend: BorrowedBackend,
  statements: readonly Statement[],
  inPipeline: boolean,
): Promise<boolean> {
  const isMade = statements.some(({ kind }) => kind === 'extension' || kind === 'create-extension-call')
  return isMade || (await lookUp(backend, LOOKUP, [], 'f', inPipeline)) === 't'
}
