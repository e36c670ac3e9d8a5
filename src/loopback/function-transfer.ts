import type { Transfer, TransferFacts } from '../activity/transfer.ts'
import { resolveFormat } from '../formats/format.ts'
import type { CallOrigin } from '../operations/calls.ts'
import type { RowsOfBlob } from '../operations/rows-of-blob.ts'
import { checkAccountName, checkBlobPath, checkContainerName } from '../storage/names.ts'

/**
 * What a function has asked for, as a transfer. `verb`: GET reads, OPEN writes. Who has ended is kept, so names are no longer
 * than they may be. @throws PgError for them, and for an unknown format
 */
export function functionTransfer(
  verb: 'GET' | 'OPEN',
  { call, account, container, path, coder, compression }: RowsOfBlob,
  isCopy: boolean,
  proxyId: string,
): TransferFacts {
  checkAccountName(account)
  checkContainerName(container)
  checkBlobPath(path)
  return {
    session: sessionOf(call, proxyId),
    pid: call.pid,
    user: call.user,
    database: call.database,
    account,
    container,
    path,
    direction: verb === 'GET' ? 'import' : 'export',
    ...resolveFormat(path, coder, compression),
    statement: isCopy ? 'copy in a function' : verb === 'GET' ? 'blob_get' : 'blob_put',
  }
}

/** A name is `proxy/number`; see Calls.nameSession(). */
function sessionOf({ session }: CallOrigin, proxyId: string): number | undefined {
  const [proxy, id] = session?.split('/') ?? []
  return proxy === proxyId ? Number(id) : undefined
}

/** Rows of a transfer, which ends with them. */
export async function* transferred(
  transfer: Transfer,
  signal: AbortSignal,
  rows: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  try {
    yield* rows
    transfer.done()
  } catch (error) {
    transfer.failed(signal.aborted ? signal.reason : error)
    throw error
  } finally {
    transfer.failed(signal.reason) // the backend has hung up
  }
}
