import type { Transfer } from '../activity/transfer.ts'
import type { Services } from '../services.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'

/** Whose COPY it is. */
type Owner = { readonly id: number; readonly pid: number; readonly user: string; readonly database: string }

/** `progress`: whether its client wants notices of that. */
export function beginCopy(
  { transfers, progress: notices }: Pick<Services, 'transfers' | 'progress'>,
  { url, direction, format, function: called }: CopyStatement,
  owner: Owner,
  progress: boolean | undefined,
): Transfer {
  const transfer = transfers.begin({
    session: owner.id,
    pid: owner.pid,
    user: owner.user,
    database: owner.database,
    account: url.account,
    container: url.container,
    path: url.path,
    direction: direction === 'from' ? 'import' : 'export',
    ...format,
    statement: called ?? 'copy',
  })
  notices.follow(transfer, `copy ${transfer.id}`, progress)
  return transfer
}
