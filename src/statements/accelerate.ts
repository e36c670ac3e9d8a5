import type { CommitLock } from '../backend/admin.ts'
import { STATUS } from '../protocol/codes.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Accelerable } from '../sql/accelerate.ts'
import type { Statement } from '../sql/classify.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { AccelerateContext, AccelerateOptions } from './accelerate-context.ts'
import { acceleratePut } from './accelerate-put.ts'
import { Answered, lookUp } from './look-up.ts'
import type { ResourceOwner } from './resource-owner.ts'
import type { Acceleration } from './script.ts'

/** Whether there is a function that may be asked: whose name is in a query cannot be called where it is not. */
const HAS_FUNCTION = `
SELECT pg_catalog.bool_or(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE n.nspname OPERATOR(pg_catalog.=) 'azure_storage_private' AND p.proname OPERATOR(pg_catalog.=) $1`

interface AccelerateMeans {
  /** See AcquireOptions. */
  readonly inPipeline: boolean
  readonly owner: ResourceOwner
  /** Those taken are added. */
  readonly locks: Map<CopyStatement, CommitLock>
}

/** The ways of the statements of a text that run another way. @throws Answered */
export async function accelerationsFor(
  backend: BorrowedBackend,
  statements: readonly Statement[],
  options: AccelerateOptions | undefined,
  means: AccelerateMeans,
): Promise<(shape: Accelerable) => Acceleration | undefined> {
  const found = new Map<Accelerable, Acceleration | undefined>()
  for (const statement of statements) {
    if (statement.kind !== 'accelerable' || options === undefined) continue
    found.set(statement.shape, await accelerate(backend, statement.shape, options, means))
  }
  return shape => found.get(shape)
}

/**
 * How a statement runs as a COPY, where that is the same in all that the client sees; undefined where it runs as it is,
 * for whatever reason. @throws Answered
 */
export async function accelerate(
  backend: BorrowedBackend,
  shape: Accelerable,
  options: AccelerateOptions,
  { inPipeline, owner, locks }: AccelerateMeans,
): Promise<Acceleration | undefined> {
  // The backend runs nothing there, and says so.
  if (backend.pending.status === STATUS.failed) return undefined
  const ask = (text: string, values: Buffer[]) => lookUp(backend, text, values, undefined, inPipeline)
  const lock = async (copy: CopyStatement): Promise<bigint> => {
    const taken = await owner.lock()
    locks.set(copy, taken)
    return taken.key
  }
  const context: AccelerateContext = { ...options, ask, lock }
  if ((await ask(HAS_FUNCTION, [Buffer.from(FUNCTIONS[shape.form])])) !== 't') return undefined
  try {
    switch (shape.form) {
      case 'blob-put':
        return await acceleratePut(shape, context)
      default:
        return shape.form satisfies never
    }
  } catch (error) {
    if (error instanceof Answered) throw error
    // The statement has its own words for what is wrong.
    return undefined
  }
}

/** In azure_storage_private, by the form of the statement. */
const FUNCTIONS: Readonly<Record<Accelerable['form'], string>> = { 'blob-put': 'put_plan' }
