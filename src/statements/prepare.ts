import type { PgErrorFields } from '../protocol/pg-error.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Statement } from '../sql/classify.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import { type AcquireOptions, acquireResources } from './acquire-resources.ts'
import { conceal, UNREADABLE } from './conceal.ts'
import { type Prepared, type PreparedStatements, preparedFrom } from './prepared-statements.ts'
import type { ResourceOwner } from './resource-owner.ts'
import { makeRoom, TOO_MANY_PREPARED } from './room-for-prepared.ts'
import { writePrepared } from './script.ts'

/** What the backend gets for a Parse message's text; undefined: the text as it is. */
export type Preparation =
  /** The client is told this instead of what the backend says. */
  | { readonly text: string; readonly refused: PgErrorFields }
  | { readonly text: string; readonly rewrite: Rewrite; readonly prepared?: Omit<Prepared, 'release'> }
  | undefined

export interface PrepareOptions extends Omit<AcquireOptions, 'takeLocks'> {
  /** The statement's. */
  readonly name: string
  /** Where it will be kept. */
  readonly kept: PreparedStatements
  /** Of its parameters, as far as the client has said. */
  readonly types: readonly number[]
}

/**
 * Makes of a text with statements of ours what the backend can prepare. It prepares no text of several: that is told by
 * its own error. @throws Answered
 */
export async function prepare(
  backend: BorrowedBackend,
  text: string,
  statements: readonly Statement[],
  owner: ResourceOwner,
  { name, kept, types, ...acquire }: PrepareOptions,
): Promise<Preparation> {
  for (const statement of statements) {
    if (statement.kind === 'refuse' && statement.isUnread) return { text: UNREADABLE, refused: statement.error }
  }
  if (statements.length > 1) {
    const rewrite = conceal(text, statements, acquire.seal)
    return { text: rewrite.text, rewrite }
  }
  const { runnable, resources } = await acquireResources(backend, statements, owner, { ...acquire, takeLocks: false })
  const [statement] = runnable
  if (statement === undefined || statement.kind === 'pass') return undefined
  const script = writePrepared(text, statement, types, resources)
  const prepared = preparedFrom(text, script, statement.kind === 'with-secrets' ? statement.secrets : [])
  // It can run as it is.
  if (statement.kind === 'accelerable' && !kept.hasRoomFor(name, prepared.bytes)) return undefined
  if (!(await makeRoom(backend, kept, name, prepared.bytes, acquire.inPipeline))) {
    return { text: UNREADABLE, refused: TOO_MANY_PREPARED }
  }
  return { text: script.text, rewrite: script.rewrite, prepared }
}
