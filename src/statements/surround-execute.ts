import type { CommitLock } from '../backend/admin.ts'
import { asPgError } from '../protocol/pg-error.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { CommitLocks } from './acquire-resources.ts'
import { refusal } from './refusal.ts'
import type { ResourceOwner } from './resource-owner.ts'
import { awaitCommitText, openSteps, openText, type Step, writesBlob } from './script.ts'

/** The client's Execute, which runs `steps` with texts of ours before and after. */
export interface SurroundedExecute {
  readonly steps: readonly Step[]
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly locks: CommitLocks
}

/** The statements of ours around the client's Execute; without its needs met, one that fails instead. */
export async function surroundExecute(step: Step, owner: ResourceOwner): Promise<SurroundedExecute> {
  const locks = new Map<CopyStatement, CommitLock>()
  if (!('copy' in step) || step.kind === 'open') return { steps: [step], before: [], after: [], locks }
  const opens = openSteps(step.copy)
  const steps: Step[] = [...opens, step]
  const before = opens.map(({ copy, challenge }) => openText(copy, challenge))
  if (!writesBlob(step.copy)) return { steps, before, after: [], locks }
  try {
    const lock = await owner.lock()
    locks.set(step.copy, lock)
    steps.push({ kind: 'await-commit' })
    return { steps, before, after: [awaitCommitText(step.copy, lock.key)], locks }
  } catch (error) {
    return { steps: [{ kind: 'refuse', error: asPgError(error) }], before: [refusal()], after: [], locks }
  }
}
