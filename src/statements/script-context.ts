import { openCopy } from '../operations/copy-open.ts'
import type { ErrorFields } from '../protocol/messages.ts'
import type { Services } from '../services.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import type { CommitLocks } from './acquire-resources.ts'
import { beginCopy } from './copy-transfer.ts'
import { mapErrorPosition } from './error-position.ts'
import type { ScriptContext } from './script-run.ts'

/** Whose script it is. */
interface ScriptClient {
  /** The session's number. */
  readonly id: number
  readonly pid: number
  readonly user: string
  readonly database: string
  readonly encoding: string
}

interface RunningScript extends Pick<ScriptContext, 'replies'> {
  readonly rewrite: Rewrite
  /** The client's text. */
  readonly original: string
  readonly locks: CommitLocks
}

export function scriptContext(
  services: Services,
  client: ScriptClient,
  { rewrite, original, locks, replies }: RunningScript,
): ScriptContext {
  const { pid, database, encoding } = client
  return {
    openCopy: (step, row) => openCopy(services, step, row, { pid, database }),
    spool: { ...services.config, backendPid: pid },
    memory: services.memory,
    serverMajorVersion: services.serverMajorVersion,
    beginTransfer: (copy, opened) => beginCopy(services, copy, client, opened?.progress),
    confirmCommit: async copy => locks.get(copy)?.confirm(),
    encodeError: fields => services.conversions.encodeError(fields, encoding),
    mapPosition: (fields: ErrorFields) => mapErrorPosition(fields, rewrite, original, encoding),
    replies,
  }
}
