import { serialize } from 'pg-protocol'
import type { SettleLock } from '../backend/admin.ts'
import { FRONTEND, STATUS } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { type ErrorFields, errorFields, errorResponse, parse, query, readErrorFields } from '../protocol/messages.ts'
import { asPgError, PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { Secret } from '../sql/account-secrets.ts'
import type { Statement } from '../sql/classify.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { SealOne } from '../sql/credential-config.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import { mayBeOurs } from '../sql/scan.ts'
import { databaseName, sealForStatement } from '../storage/sealing.ts'
import type { Interceptor } from './client-stream.ts'
import { mapErrorPosition } from './error-position.ts'
import { gather, type SettleLocks } from './gather.ts'
import { Leases } from './leases.ts'
import { openCopy } from './open-copy.ts'
import { passParsed } from './pass-parsed.ts'
import { privateStatement, REPLIES_OF_PRIVATE_STATEMENT } from './private-statement.ts'
import { readStatements } from './read-statements.ts'
import { runScript, type ScriptContext } from './run-script.ts'
import {
  newChallenge,
  openText,
  refusal,
  type Script,
  type Step,
  settleText,
  writePrepared,
  writeScript,
} from './script.ts'
import { sealParameters } from './seal-parameters.ts'
import type { Session } from './session.ts'

/** In the place of a Parse's text that is refused unread: it does not parse either, and gives nothing away. */
const UNREAD = 'azure_storage'
const NO_PARAMETERS = Buffer.alloc(2)

/** What a Close or Describe is about. */
const STATEMENT = 'S'.charCodeAt(0)

/** A prepared statement of ours, under the client's name for it. */
interface Prepared {
  readonly step: Step
  /** Credentials among its parameters. */
  readonly secrets: readonly Secret[]
  readonly rewrite: Rewrite
  readonly release: () => Promise<void>
}

/**
 * The journey of a statement: a message of the client is looked at, waits until the backend has answered all before it,
 * is classified by PostgreSQL's parser, and if it is ours goes on as a script: the statements that the backend runs in
 * its place, and what becomes of their replies. Everything else passes byte for byte.
 */
export class StatementInterceptor implements Interceptor {
  readonly #session: Session
  readonly #services: Services
  readonly #user: string
  readonly #database: string
  readonly #prepared = new Map<string, Prepared>()
  readonly #portals = new Map<string, Prepared>()

  constructor(session: Session, services: Services, login: { readonly user: string; readonly database: string }) {
    this.#session = session
    this.#services = services
    this.#user = login.user
    this.#database = login.database
  }

  wants(code: number): boolean {
    switch (code) {
      case FRONTEND.query:
      case FRONTEND.parse:
        return true
      case FRONTEND.bind:
      case FRONTEND.execute:
      case FRONTEND.close:
        return this.#prepared.size > 0 || this.#portals.size > 0
      default:
        return false
    }
  }

  examine(frame: Frame): (() => Promise<void>) | undefined {
    const body = frameBody(frame)
    switch (frame.code) {
      case FRONTEND.query: {
        const { pending } = this.#session
        if (pending.quiet && !pending.skipping) this.#forget('') // the backend does too
        const text = body.toString('latin1', 0, body.length - 1)
        const isOurs = mayBeOurs(text) && body.indexOf(0) === body.length - 1
        return isOurs ? () => this.#query(frame, text) : undefined
      }
      case FRONTEND.parse: {
        const name = cstring(body, 0)
        const text = cstring(body, name.length + 1)
        const concernsUs = mayBeOurs(text) || this.#prepared.has(name)
        return concernsUs ? () => this.#parse(frame, name, text) : undefined
      }
      case FRONTEND.bind: {
        this.#forgetPortals()
        const portal = cstring(body, 0)
        const prepared = this.#prepared.get(cstring(body, portal.length + 1))
        if (prepared) this.#portals.set(portal, prepared)
        else this.#portals.delete(portal)
        return prepared && prepared.secrets.length > 0 ? () => this.#bind(frame, prepared) : undefined
      }
      case FRONTEND.execute: {
        this.#forgetPortals()
        const prepared = this.#portals.get(cstring(body, 0))
        return prepared && prepared.step.kind !== 'pass' ? () => this.#execute(frame, prepared) : undefined
      }
      case FRONTEND.close: {
        const name = cstring(body, 1)
        if (body[0] === STATEMENT) return this.#prepared.has(name) ? () => this.#close(frame, name) : undefined
        this.#portals.delete(name)
        return undefined
      }
    }
    return undefined
  }

  close(): void {
    for (const name of [...this.#prepared.keys()]) this.#forget(name)
  }

  async #query(frame: Frame, text: string): Promise<void> {
    const session = this.#session
    const statements = (await session.quiet()) ? await this.#read(text) : undefined
    if (statements === undefined) {
      session.forward(frame.bytes)
      return
    }
    await this.#withBackend(async leases => {
      const { inPipeline } = session.pending
      const gathered = await gather(session, statements, leases, { seal: this.#seal, inPipeline, takeLocks: true })
      if (gathered === undefined) return
      const { runnable, resources, locks } = gathered
      session.pending.sent(FRONTEND.query)
      const script = writeScript(text, runnable, resources)
      session.send(query(script.text))
      await runScript(session, script.steps, this.#context(script.rewrite, text, locks, undefined))
    })
  }

  /** A statement counts as prepared, or as replaced, when the backend says so: the name may be taken. */
  async #parse(frame: Frame, name: string, text: string): Promise<void> {
    const session = this.#session
    const statements = (await session.quiet()) ? await this.#read(text) : undefined
    const [statement] = statements ?? []
    const isOurs = statements?.length === 1 && statement !== undefined && statement.kind !== 'pass'
    if (!isOurs && (session.pending.skipping || session.pending.unsure || !this.#prepared.has(name))) {
      session.forward(frame.bytes)
      return
    }
    await this.#withBackend(async leases => {
      // Where it may, a look-up is a transaction of its own: the client's is not to begin with it.
      const inPipeline = session.pending.inPipeline || session.pending.status !== STATUS.idle
      session.pending.sent(FRONTEND.parse)
      let script: Script | undefined
      let secrets: readonly Secret[] = []
      let bytes = frame.bytes
      let refused: PgErrorFields | undefined
      if (isOurs && statement.kind === 'refuse' && statement.isUnread) {
        refused = statement.error
        bytes = parse(Buffer.from(name, 'latin1'), UNREAD, NO_PARAMETERS)
      } else if (isOurs) {
        const gathered = await gather(session, [statement], leases, { seal: this.#seal, inPipeline, takeLocks: false })
        if (gathered === undefined) return
        const [runnable] = gathered.runnable
        if (runnable && runnable.kind !== 'pass') {
          script = writePrepared(text, runnable, gathered.resources)
          if (runnable.kind === 'with-secrets') secrets = runnable.secrets
          const tail = frameBody(frame).subarray(name.length + text.length + 2)
          bytes = parse(Buffer.from(name, 'latin1'), script.text, tail)
        }
      }
      session.send(bytes)
      session.send(serialize.flush())
      const accepted = await passParsed(session, error => {
        if (refused) return errorResponse(errorFields(new PgError(refused)))
        return script ? this.#describe(error, script.rewrite, text) : error.bytes
      })
      if (accepted || name === '') this.#forget(name)
      if (!accepted || script === undefined) return
      const { steps, rewrite } = script
      this.#prepared.set(name, { step: steps[0] as Step, secrets, rewrite, release: leases.handOver() })
    })
  }

  async #bind(frame: Frame, { secrets }: Prepared): Promise<void> {
    this.#session.forward(sealParameters(frame, secrets, this.#encoding, this.#seal))
  }

  async #close(frame: Frame, name: string): Promise<void> {
    if (await this.#session.quiet()) this.#forget(name)
    this.#session.forward(frame.bytes)
  }

  async #execute(frame: Frame, { step, rewrite }: Prepared): Promise<void> {
    const session = this.#session
    const isQuiet = await session.quiet()
    // In a failed transaction nothing is run, and a portal may not be there: its Bind may be what has failed.
    const isRefused = session.pending.status === STATUS.failed && !session.pending.inPipeline
    if (!isQuiet || isRefused) {
      session.forward(frame.bytes)
      return
    }
    await this.#withBackend(async leases => {
      const { steps, before, after, locks } = await this.#surround(step, leases)
      for (const text of before) session.send(privateStatement(text))
      session.pending.sent(FRONTEND.execute)
      if (steps.includes(step)) session.send(frame.bytes)
      for (const text of after) session.send(privateStatement(text))
      session.send(serialize.flush())
      const replies = 1 + REPLIES_OF_PRIVATE_STATEMENT * (before.length + after.length)
      await runScript(session, steps, this.#context(rewrite, '', locks, replies))
    })
  }

  /** The backend is ours alone while `work` runs; what that leases is given back at its end. */
  async #withBackend(work: (leases: Leases) => Promise<void>): Promise<void> {
    const session = this.#session
    const leases = new Leases(this.#services.config.backend, this.#database)
    session.seize()
    try {
      await work(leases)
    } finally {
      session.release()
      // When the connection is lost the backend hears of it late, perhaps only after what it waits for has been released:
      // it is cancelled first, or else it would go on to commit what hangs on a blob that was not written.
      if (!leases.isEmpty && session.signal.aborted) await session.cancelBackend()
      await leases.release().catch(error => session.log.warn({ err: error }, 'cannot give back what a script took'))
    }
  }

  /** The statements of ours that run before and after the client's Execute; without its needs met, one that fails instead. */
  async #surround(
    step: Step,
    leases: Leases,
  ): Promise<{ steps: Step[]; before: string[]; after: string[]; locks: SettleLocks }> {
    const locks = new Map<CopyStatement, SettleLock>()
    if (step.kind !== 'copy-from' && step.kind !== 'copy-to') return { steps: [step], before: [], after: [], locks }
    const challenge = newChallenge()
    const steps: Step[] = [{ kind: 'open', copy: step.copy, challenge }, step]
    const before = [openText(step.copy, challenge)]
    if (step.kind === 'copy-from') return { steps, before, after: [], locks }
    try {
      const lock = await leases.lock()
      locks.set(step.copy, lock)
      return { steps: [...steps, { kind: 'settle' }], before, after: [settleText(step.copy, lock.key)], locks }
    } catch (error) {
      return { steps: [{ kind: 'refuse', error: asPgError(error) }], before: [refusal()], after: [], locks }
    }
  }

  readonly #seal: SealOne = (clear, account) => {
    const database = databaseName(Buffer.from(this.#database))
    const recipient = { account, pid: this.#session.backendPid, database }
    return sealForStatement(clear, recipient, this.#services.sealingKey)
  }

  get #encoding(): string {
    return this.#session.parameters.get('client_encoding') ?? 'UTF8'
  }

  #describe(error: Frame, rewrite: Rewrite, original: string): Buffer {
    const fields = readErrorFields(frameBody(error))
    mapErrorPosition(fields, rewrite, original, this.#encoding)
    return errorResponse(fields)
  }

  #read(text: string): Promise<Statement[] | undefined> {
    const settings = {
      encoding: this.#encoding,
      standardConformingStrings: this.#session.parameters.get('standard_conforming_strings') !== 'off',
      endpoints: this.#services.config.storageEndpoints,
    }
    return readStatements(this.#session, this.#services.texts, { text, settings, client: this.#user })
  }

  #context(rewrite: Rewrite, original: string, locks: SettleLocks, replies: number | undefined): ScriptContext {
    const encoding = this.#encoding
    return {
      openCopy: (step, row) =>
        openCopy(this.#services, step, row, { pid: this.#session.backendPid, database: this.#database }),
      spool: { ...this.#services.config, backendPid: this.#session.backendPid },
      settle: async copy => locks.get(copy)?.confirm(),
      mapPosition: (fields: ErrorFields) => mapErrorPosition(fields, rewrite, original, encoding),
      replies,
    }
  }

  /** Portals end with their transactions. */
  #forgetPortals(): void {
    if (this.#session.idle && !this.#session.pending.inPipeline) this.#portals.clear()
  }

  #forget(name: string): void {
    const prepared = this.#prepared.get(name)
    if (prepared === undefined) return
    this.#prepared.delete(name)
    prepared.release().catch(error => this.#session.log.warn({ err: error }, 'cannot drop an installer function'))
  }
}

function cstring(body: Buffer, start: number): string {
  const end = body.indexOf(0, start)
  return body.toString('latin1', start, end < 0 ? body.length : end)
}
