import { STATUS } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Session } from '../session/session.ts'
import type { BlobInsert } from '../sql/blob-insert.ts'
import { isAscii } from '../sql/encoding.ts'
import type { BoundInsert } from './ask-plan.ts'
import { insertFromBlob } from './insert-from-blob.ts'
import type { Step } from './script.ts'
import type { ScriptContext } from './script-run.ts'

/** Larger Bind messages, and those before the last few, are of statements that run as they are. */
const MAX_BIND_BYTES = 16 * 1024
const MAX_BINDS = 16

type InsertingSession = Pick<Session, 'pending' | 'parameters' | 'quiet' | 'onCancel' | 'forward' | 'log'>

interface Means {
  readonly withBackend: (
    message: 'Query' | 'Execute',
    work: (backend: BorrowedBackend) => Promise<void>,
  ) => Promise<void>
  readonly context: (replies: number | undefined) => ScriptContext
  /** Those asked for in the session's database: they are to be the statement's, not a try's before it. */
  readonly faults: () => Promise<readonly unknown[]>
}

/** The INSERTs of a session that may run as COPY. */
export class Inserts {
  readonly #session: InsertingSession
  readonly #means: Means
  /** The messages that portals were made with, by their names: they may have to be made again. */
  readonly #binds = new Map<string, { readonly message: Buffer; readonly pipeline: number }>()

  constructor(session: InsertingSession, means: Means) {
    this.#session = session
    this.#means = means
  }

  /** The client's Bind message for such a statement passes. */
  bound(portal: string, { bytes }: Frame): void {
    this.#binds.delete(portal)
    if (bytes.length > MAX_BIND_BYTES || !isAscii(portal)) return
    const [oldest] = this.#binds.keys()
    if (oldest !== undefined && this.#binds.size === MAX_BINDS) this.#binds.delete(oldest)
    this.#binds.set(portal, { message: Buffer.from(bytes), pipeline: this.#session.pending.pipeline })
  }

  /** Undefined: its Execute passes. A portal of an INSERT is run once, and of an older pipeline it may be gone. */
  execute(
    frame: Frame,
    portal: string,
    { insert, types }: Step & { kind: 'insert' },
  ): (() => Promise<void>) | undefined {
    const kept = this.#binds.get(portal)
    this.#binds.delete(portal)
    if (kept?.pipeline !== this.#session.pending.pipeline) return undefined
    return () => this.run(frame, insert, { portal, bind: kept.message, types })
  }

  /** In the place of the client's Query, or of its Execute where the statement is `bound`. */
  async run(frame: Frame, insert: BlobInsert, bound?: BoundInsert): Promise<void> {
    const { pending, parameters, log } = this.#session
    const isQuiet = await this.#session.quiet()
    const isInBlock = pending.status === STATUS.inTransaction
    const isFresh = bound ? pending.pipelineIsFresh : !pending.inPipeline
    const mayRun =
      isQuiet && pending.status !== STATUS.failed && (isInBlock || isFresh) && (await this.#means.faults()).length === 0
    let isDone = false
    if (mayRun) {
      let isCancelled = false
      this.#session.onCancel(() => {
        isCancelled = true
      })
      const settings = {
        clientEncoding: parameters.get('client_encoding') ?? 'UTF8',
        serverEncoding: parameters.get('server_encoding') ?? 'UTF8',
      }
      const request = {
        insert,
        isInBlock,
        settings,
        bound,
        context: this.#means.context,
        wasCancelled: () => isCancelled,
      }
      await this.#means.withBackend(bound ? 'Execute' : 'Query', async backend => {
        isDone = await insertFromBlob(backend, request)
      })
    }
    if (isQuiet) log.debug({ isDone }, 'INSERT as COPY')
    if (!isDone) this.#session.forward(frame.bytes)
  }
}
