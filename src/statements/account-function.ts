import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import { lookUp } from './look-up.ts'

const LOOKUP = `
SELECT coalesce(pg_catalog.bool_and(n.nspname OPERATOR(pg_catalog.=) 'azure_storage'), false)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE p.proname OPERATOR(pg_catalog.=) 'account_add' AND pg_catalog.pg_function_is_visible(p.oid)`

/**
 * Whether account_add without a schema is the extension's in the client's session. It counts as such where that cannot
 * be asked, because nothing runs there. @throws Answered
 */
export async function accountAddIsOurs(backend: BorrowedBackend, inPipeline: boolean): Promise<boolean> {
  return (await lookUp(backend, LOOKUP, [], 't', inPipeline)) === 't'
}
