import type { TransferFacts } from '../activity/transfer.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'

/** Whose COPY it is. */
type Owner = { readonly id: number; readonly pid: number; readonly user: string; readonly database: string }

export function copyTransfer({ url, direction, format }: CopyStatement, owner: Owner): TransferFacts {
  return {
    session: owner.id,
    pid: owner.pid,
    user: owner.user,
    database: owner.database,
    account: url.account,
    container: url.container,
    path: url.path,
    direction: direction === 'from' ? 'import' : 'export',
    ...format,
    statement: 'copy',
  }
}
