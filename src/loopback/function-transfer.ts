import type { Transfer } from '../activity/transfer.ts'
import { type Call, type CallOrigin, whyEnded } from '../operations/calls.ts'
import { formatOf, type RowsOfBlob } from '../operations/rows-of-blob.ts'
import type { Services } from '../services.ts'
import { checkAccountName, checkBlobPath, checkContainerName } from '../storage/names.ts'

/**
 * What a function has asked for, as a transfer. `verb`: GET reads, OPEN writes. Those that have ended are kept, hence names are
 * no longer than they may be. @throws PgError for them, and for an unknown format
 */
export function beginTransfer(
  { transfers, progress, proxyId }: Pick<Services, 'transfers' | 'progress'> & { readonly proxyId: string },
  verb: 'GET' | 'OPEN',
  request: RowsOfBlob,
  isCopy: boolean,
): Transfer {
  const { call, account, container, path } = request
  checkAccountName(account)
  checkContainerName(container)
  checkBlobPath(path)
  const transfer = transfers.begin({
    session: sessionOf(call, proxyId),
    pid: call.pid,
    user: call.user,
    database: call.database,
    account,
    container,
    path,
    direction: verb === 'GET' ? 'import' : 'export',
    ...formatOf(request),
    statement: isCopy ? 'copy in a function' : verb === 'GET' ? 'blob_get' : 'blob_put',
  })
  progress.follow(transfer, call.statement, call.progress)
  return transfer
}

/** A name is `proxy/number`; see Calls.nameSession(). */
function sessionOf({ session }: CallOrigin, proxyId: string): number | undefined {
  const [proxy, id] = session?.split('/') ?? []
  return proxy === proxyId ? Number(id) : undefined
}

/** Rows of a transfer, which fails with them. Whether it is done, the backend shows that has taken them. */
export async function* transferred(
  transfer: Transfer,
  call: Call,
  signal: AbortSignal,
  rows: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  const reason = (): unknown => whyEnded(call) ?? signal.reason
  let isWhole = false
  try {
    yield* rows
    isWhole = true
  } catch (error) {
    transfer.failed(signal.aborted ? reason() : error)
    throw error
  } finally {
    if (!isWhole) transfer.failed(reason()) // the backend has hung up
  }
}
