import type { SettleLock } from '../backend/admin.ts'
import { asPgError } from '../protocol/pg-error.ts'
import type { Statement } from '../sql/classify.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { SealOne } from '../sql/credential-config.ts'
import { accountAddIsOurs } from './account-function.ts'
import { mayCreateExtension } from './extension-right.ts'
import type { Leases } from './leases.ts'
import { selectListsFor } from './relations.ts'
import type { Resources } from './script.ts'
import type { Session } from './session.ts'

export type SettleLocks = ReadonlyMap<CopyStatement, SettleLock>

export interface Gathered {
  /** The statements, but one whose needs cannot be met is refused, and account_add() of somebody else's passes. */
  readonly runnable: readonly Statement[]
  readonly resources: Resources
  readonly locks: SettleLocks
}

export interface GatherOptions {
  readonly seal: SealOne
  /** The client's transaction is under way, or begins with what was sent: look-ups are part of it. */
  readonly inPipeline: boolean
  /** Whether the exports run now, each under a lock. */
  readonly takeLocks: boolean
}

/**
 * Looks up and makes what the statements of a text need. Undefined where a look-up has failed, and with it the client's
 * transaction: the client has been told.
 */
export async function gather(
  session: Session,
  statements: readonly Statement[],
  leases: Leases,
  { seal, inPipeline, takeLocks }: GatherOptions,
): Promise<Gathered | undefined> {
  const selectList = await selectListsFor(session, statements, inPipeline)
  if (selectList === undefined) return undefined
  let mayInstall: boolean | undefined
  let installer: string | undefined
  const locks = new Map<CopyStatement, SettleLock>()
  const runnable: Statement[] = []
  for (const statement of statements) {
    if (statement.kind === 'with-secrets' && !statement.isCertain) {
      const isOurs = await accountAddIsOurs(session, inPipeline)
      if (isOurs === undefined) return undefined
      runnable.push(isOurs ? statement : { kind: 'pass', start: statement.start, end: statement.end, count: 1 })
      continue
    }
    try {
      if (statement.kind === 'extension' || statement.kind === 'create-extension-call') {
        mayInstall ??= await mayCreateExtension(session, leases, inPipeline)
        if (mayInstall === undefined) return undefined
        if (mayInstall) installer ??= await leases.installer()
      } else if (takeLocks && statement.kind === 'copy' && statement.copy.direction === 'to') {
        locks.set(statement.copy, await leases.lock())
      }
      runnable.push(statement)
    } catch (error) {
      runnable.push({ kind: 'refuse', start: statement.start, end: statement.end, error: asPgError(error) })
    }
  }
  const settleKey = (copy: CopyStatement): bigint => (locks.get(copy) as SettleLock).key
  return { runnable, resources: { selectList, installer, settleKey, seal }, locks }
}
