import type { CommitLock } from '../backend/admin.ts'
import { readBindValues } from '../protocol/bind.ts'
import { cstring } from '../protocol/cstring.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import { accelerate } from './accelerate.ts'
import type { ParameterValue } from './accelerate-context.ts'
import type { CommitLocks } from './acquire-resources.ts'
import type { Prepared } from './prepared-statements.ts'
import { privateStatement, REPLIES_OF_PRIVATE_STATEMENT } from './private-statement.ts'
import type { ResourceOwner } from './resource-owner.ts'
import type { PreparedAccelerable, Step } from './script.ts'
import { surroundExecute } from './surround-execute.ts'

/** What the backend gets for an Execute message, and what its replies belong to. */
export interface Execution {
  readonly messages: readonly Buffer[]
  readonly replies: number
  readonly steps: readonly Step[]
  readonly locks: CommitLocks
  readonly rewrite: Rewrite
}

export interface ExecuteOptions {
  readonly encoding: string
  readonly serverMajorVersion: number
}

/** Nothing has been sent yet that belongs to it, but look-ups. @throws Answered */
export async function planExecute(
  backend: BorrowedBackend,
  frame: Frame,
  prepared: Prepared,
  owner: ResourceOwner,
  options: ExecuteOptions,
): Promise<Execution> {
  const { step, rewrite, bound } = prepared
  if (step.kind === 'accelerable') {
    if (bound?.isOver) return executionOf([NO_ROWS], [PASS], rewrite)
    const rows = maxRows(frame)
    const locks = new Map<CopyStatement, CommitLock>()
    const context = {
      ...options,
      isExtended: true,
      text: step.text,
      values: bound?.values ?? [],
      isSuspended: rows === 1,
    }
    const parts = await accelerate(backend, step.shape, context, { inPipeline: true, owner, locks })
    if (parts === undefined || bound === undefined)
      return { ...executionOf([], [PASS], rewrite), messages: [frame.bytes], replies: 1 }
    bound.isOver = true
    return {
      ...executionOf(
        parts.map(part => part.rewrite.text),
        parts.map(part => part.step),
        rewrite,
      ),
      locks,
    }
  }
  const { steps, before, after, locks } = await surroundExecute(step, owner)
  const own = [...before, ...after].length
  const messages = [
    ...before.map(text => privateStatement(text)),
    ...(steps.includes(step) ? [frame.bytes] : []),
    ...after.map(text => privateStatement(text)),
  ]
  return { messages, replies: 1 + REPLIES_OF_PRIVATE_STATEMENT * own, steps, locks, rewrite }
}

const PASS: Step = { kind: 'pass' }
/** What is left of a portal that has given all its rows. */
const NO_ROWS = 'SELECT WHERE false'

const executionOf = (texts: readonly string[], steps: readonly Step[], rewrite: Rewrite): Execution => ({
  messages: texts.map(text => privateStatement(text)),
  replies: REPLIES_OF_PRIVATE_STATEMENT * texts.length,
  steps,
  locks: new Map(),
  rewrite,
})

/** 0: all. */
function maxRows(execute: Frame): number {
  const body = frameBody(execute)
  const at = cstring(body, 0).length + 1
  return body.length >= at + 4 ? body.readInt32BE(at) : 0
}

/** The values of a Bind message for a statement of that kind; undefined where they are not as they should be. */
export function valuesOf(bind: Frame, { types }: PreparedAccelerable): ParameterValue[] | undefined {
  const { formats, values } = readBindValues(bind) ?? {}
  if (formats === undefined || (formats.length > 1 && formats.length !== values?.length)) return undefined
  return values?.map((value, i) => ({
    value,
    isBinary: (formats.length === 1 ? formats[0] : formats[i]) === 1,
    type: types[i] ?? 0,
  }))
}
