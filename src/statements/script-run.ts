import type { Transfer } from '../activity/transfer.ts'
import type { MemoryBudget } from '../memory-budget.ts'
import type { BlobImport } from '../operations/copy-from.ts'
import type { OpenedCopy } from '../operations/copy-open.ts'
import type { BlobExport } from '../operations/copy-to.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import type { ErrorFields } from '../protocol/messages.ts'
import type { Wire } from '../session/wire.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { SpoolOptions } from '../storage/blob-parts.ts'
import type { Step } from './script.ts'

export interface ScriptContext {
  /** Reads the row of copy_open(). */
  readonly openCopy: (step: Step & { kind: 'open' }, row: Frame) => Promise<OpenedCopy>
  readonly spool: SpoolOptions
  readonly memory: MemoryBudget
  readonly serverMajorVersion: number
  readonly beginTransfer: (copy: CopyStatement, opened: OpenedCopy | undefined) => Transfer
  /** The blob is committed: lets the backend's wait for it end. */
  readonly confirmCommit: (copy: CopyStatement) => Promise<void>
  /** Turns the position in an error of a rewritten text into that of the original. */
  readonly mapPosition: (fields: ErrorFields) => void
  /** An error of the proxy's own in the client's encoding. */
  readonly encodeError: (fields: ErrorFields) => Promise<ErrorFields>
  /** For the extended protocol: how many closing replies belong to the exchange. A simple query ends with ReadyForQuery. */
  readonly replies: number | undefined
}

/** A script under way, and what its steps hand to each other. */
export interface ScriptRun {
  readonly wire: Wire
  readonly context: ScriptContext
  /** For the COPY that is the next step. */
  opened?: OpenedCopy
  /** It is stopped when the backend's statement fails, or the run ends. */
  transfer?: BlobImport | BlobExport
  /** The same, for all who want to know. */
  account?: Transfer
  /** The blob's rows have all come: it is being committed, and the client will be told with `completion`. */
  commit?: { readonly done: Promise<void>; readonly completion: Frame; readonly rows: number }
}

/** What one kind of step makes of the backend's replies. */
export interface StepHandler {
  /** The statement's text is the proxy's own: where in it an error came says nothing to the client. */
  readonly isOurs: boolean
  /** Any reply but those below. */
  take(frame: Frame): void | Promise<void>
  /** The reply that ends the step: CommandComplete, EmptyQueryResponse or PortalSuspended. */
  complete(frame: Frame): void | Promise<void>
  /** What the client is told instead of an error, where the proxy knows better. */
  replaceError(fields: ErrorFields): ErrorFields | undefined
  /** Where it came, where the proxy knows more of that than the backend. */
  placeOf?(fields: ErrorFields): string | undefined
}
