import type { CommitLock } from '../backend/admin.ts'
import { asPgError } from '../protocol/pg-error.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Statement } from '../sql/classify.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { SealOne } from '../sql/credential-config.ts'
import { accelerationsFor } from './accelerate.ts'
import type { AccelerateOptions } from './accelerate-context.ts'
import { accountAddIsOurs } from './account-function.ts'
import { checkAllowList, type ServerParameters } from './allow-list.ts'
import { mayCreateExtension } from './extension-right.ts'
import { Answered } from './look-up.ts'
import { type BlobColumnsReader, matchColumns } from './match-columns.ts'
import { selectListsFor } from './relations.ts'
import type { ResourceOwner } from './resource-owner.ts'
import { type CopyPartWriter, isRunInServer, type Resources, writesBlob } from './script.ts'
import { hasStatementFunction } from './statement-function.ts'

export type CommitLocks = ReadonlyMap<CopyStatement, CommitLock>

export interface Acquired {
  /** The statements, but one whose needs cannot be met is refused, and account_add() of somebody else's passes. */
  readonly runnable: readonly Statement[]
  readonly resources: Resources
  readonly locks: CommitLocks
}

export interface AcquireOptions {
  readonly seal: SealOne
  readonly copyPart: CopyPartWriter
  /** The client's transaction is under way, or begins with what was sent: look-ups are part of it. */
  readonly inPipeline: boolean
  readonly readColumns: BlobColumnsReader
  /** Whether the exports run now, each under a lock. */
  readonly takeLocks: boolean
  /** What is needed where a statement may run another way; without it, it runs as it is. */
  readonly accelerate?: AccelerateOptions
}

/**
 * Looks up and makes what the statements of a text need.
 * @throws Answered where a look-up has failed, and with it the client's transaction.
 */
export async function acquireResources(
  backend: BorrowedBackend,
  statements: readonly Statement[],
  owner: ResourceOwner,
  { seal, copyPart, inPipeline, readColumns, takeLocks, accelerate }: AcquireOptions,
): Promise<Acquired> {
  const selectList = await selectListsFor(backend, statements, inPipeline)
  let mayInstall: boolean | undefined
  let hasStatement: boolean | undefined
  let installer: Promise<string | undefined> | undefined
  let parameters: Promise<ServerParameters> | undefined
  const locks = new Map<CopyStatement, CommitLock>()
  const acceleration = await accelerationsFor(backend, statements, accelerate, { inPipeline, owner, locks })
  const runnable: Statement[] = []
  for (const statement of statements) {
    if (statement.kind === 'with-secrets' && !statement.isCertain) {
      runnable.push((await accountAddIsOurs(backend, inPipeline)) ? statement : asItIs(statement))
      continue
    }
    if (statement.kind === 'body') {
      hasStatement ??= await hasStatementFunction(backend, statements, inPipeline)
      runnable.push(hasStatement ? statement : asItIs(statement))
      continue
    }
    if (statement.kind === 'copy' && looksAtColumns(statement.copy)) {
      runnable.push({ ...statement, copy: await matchColumns(backend, statement.copy, readColumns, inPipeline) })
      continue
    }
    try {
      if (statement.extensions) {
        parameters ??= owner.serverParameters()
        checkAllowList(statement.extensions, await parameters)
      }
      if (statement.kind === 'extension' || statement.kind === 'create-extension-call') {
        mayInstall ??= await mayCreateExtension(backend, owner, inPipeline)
        if (mayInstall) installer ??= owner.installer()
        await installer
      } else if (takeLocks && statement.kind === 'copy' && writesBlob(statement.copy)) {
        locks.set(statement.copy, await owner.lock())
      }
      runnable.push(statement)
    } catch (error) {
      if (error instanceof Answered) throw error
      runnable.push({ kind: 'refuse', start: statement.start, end: statement.end, error: asPgError(error) })
    }
  }
  const commitKey = (copy: CopyStatement): bigint => (locks.get(copy) as CommitLock).key
  return {
    runnable,
    resources: {
      selectList,
      installer: await installer?.catch(() => undefined),
      acceleration,
      commitKey,
      copyPart,
      seal,
    },
    locks,
  }
}

const asItIs = ({ start, end }: Statement): Statement => ({ kind: 'pass', start, end, count: 1 })

/** What the server's functions run looks at them by itself. */
const looksAtColumns = (copy: CopyStatement): boolean =>
  copy.extraOptions.matchByName === true && copy.failure === undefined && !isRunInServer(copy)
