import { serialize } from 'pg-protocol'
import type { BackendConfig } from '../config/backend-url.ts'
import { hasOwnSchema } from '../config/config.ts'
import { databaseName } from '../credentials/sealing.ts'
import { readParameterTypes } from '../protocol/bind.ts'
import { FRONTEND, STATUS } from '../protocol/codes.ts'
import { cstring } from '../protocol/cstring.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { errorFields, errorResponse, parse, query } from '../protocol/messages.ts'
import { PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Interceptor } from '../session/client-stream.ts'
import type { Session } from '../session/session.ts'
import type { Statement } from '../sql/classify.ts'
import { Rewrite } from '../sql/rewrite.ts'
import { mayBeOurs } from '../sql/scan.ts'
import { type AcquireOptions, acquireResources, type CommitLocks } from './acquire-resources.ts'
import { columnsReaderFor } from './columns-reader.ts'
import { conceal, UNREADABLE } from './conceal.ts'
import { withMappedPosition } from './error-position.ts'
import { planExecute, valuesOf } from './execute.ts'
import { Inserts } from './inserts.ts'
import { Answered } from './look-up.ts'
import { passParsed } from './pass-parsed.ts'
import { prepare } from './prepare.ts'
import { type Prepared, PreparedStatements } from './prepared-statements.ts'
import { PRIVATE_NAME } from './private-statement.ts'
import { type ReadingSession, readStatements } from './read-statements.ts'
import { ResourceOwner } from './resource-owner.ts'
import { TOO_MANY_PORTALS } from './room-for-prepared.ts'
import { runScript } from './run-script.ts'
import { writeScript } from './script.ts'
import { scriptContext } from './script-context.ts'
import type { ScriptContext } from './script-run.ts'
import { sealParameters } from './seal-parameters.ts'
import { copyPartWriterFor, sealerFor } from './sealer.ts'

/** What a Close or Describe is about. */
const STATEMENT = 'S'.charCodeAt(0)

/** What is needed of a Session. */
export interface InterceptedSession
  extends ReadingSession,
    Pick<
      Session,
      'pending' | 'parameters' | 'backendPid' | 'idle' | 'quiet' | 'withBackend' | 'forward' | 'cancelBackend'
    > {}

interface Login {
  /** The session's number. */
  readonly id: number
  readonly user: string
  readonly database: string
  readonly backend: BackendConfig
}

/**
 * The journey of a statement: a message of the client is looked at, waits until the backend has answered all before it,
 * is classified by PostgreSQL's parser, and if it is ours goes on as a script: the statements that the backend runs in
 * its place, and what becomes of their replies. Everything else passes byte for byte.
 */
export class StatementInterceptor implements Interceptor {
  readonly #session: InterceptedSession
  readonly #services: Services
  readonly #login: Login
  readonly #prepared: PreparedStatements
  readonly #inserts: Inserts
  readonly #needs: Pick<AcquireOptions, 'seal' | 'copyPart' | 'readColumns'>

  constructor(session: InterceptedSession, services: Services, login: Login) {
    this.#session = session
    this.#services = services
    this.#login = login
    this.#prepared = new PreparedStatements(session.log)
    this.#needs = {
      seal: sealerFor(session, services, login.database),
      copyPart: copyPartWriterFor(session, services, login.database),
      readColumns: columnsReaderFor(session, services, login.database),
    }
    this.#inserts = new Inserts(session, {
      withBackend: (message, work) => this.#withBackend(message, ['insert'], work),
      context: replies => this.#context(new Rewrite(''), '', new Map(), replies),
      faults: async () => (await services.faults?.of(databaseName(Buffer.from(login.database)))) ?? [],
    })
  }

  wants(code: number): boolean {
    switch (code) {
      case FRONTEND.query:
      case FRONTEND.parse:
        return true
      case FRONTEND.bind:
      case FRONTEND.execute:
      case FRONTEND.close:
        return !this.#prepared.isEmpty
      default:
        return false
    }
  }

  passes(code: number): void {
    this.#prepared.passed(code)
  }

  examine(frame: Frame): (() => Promise<void>) | undefined {
    const body = frameBody(frame)
    switch (frame.code) {
      case FRONTEND.query: {
        const { pending } = this.#session
        if (pending.quiet && !pending.skipping) this.#prepared.forget('') // the backend does too
        this.#prepared.moved()
        const text = body.toString('latin1', 0, body.length - 1)
        const isOurs = mayBeOurs(text, this.#services.config.strictAzure) && body.indexOf(0) === body.length - 1
        return isOurs ? () => this.#query(frame, text) : undefined
      }
      case FRONTEND.parse: {
        this.#forgetPortals()
        const name = cstring(body, 0)
        const text = cstring(body, name.length + 1)
        const concernsUs = mayBeOurs(text, this.#services.config.strictAzure) || this.#prepared.has(name)
        return concernsUs ? () => this.#parse(frame, name, text) : undefined
      }
      case FRONTEND.bind: {
        this.#forgetPortals()
        const portal = cstring(body, 0)
        const prepared = this.#prepared.ofName(cstring(body, portal.length + 1))
        if (prepared && !this.#prepared.hasRoomForPortal(portal, prepared)) return () => this.#refusePortal(frame)
        const { step } = prepared ?? {}
        this.#prepared.bind(portal, prepared, () => (step?.kind === 'accelerable' ? valuesOf(frame, step) : undefined))
        if (step?.kind === 'insert') this.#inserts.bound(portal, frame)
        if (prepared === undefined || prepared.secrets.length === 0) return undefined
        const sealed = () => sealParameters(frame, prepared.secrets, this.#encoding, this.#needs.seal)
        return async () => this.#session.forward(sealed())
      }
      case FRONTEND.execute: {
        this.#forgetPortals()
        const portal = cstring(body, 0)
        const prepared = this.#prepared.toExecute(portal)
        if (prepared?.step.kind === 'insert') return this.#inserts.execute(frame, portal, prepared.step)
        return prepared && (() => this.#execute(frame, prepared))
      }
      case FRONTEND.close: {
        const name = cstring(body, 1)
        if (body[0] === STATEMENT) return this.#prepared.has(name) ? () => this.#close(frame, name) : undefined
        this.#prepared.forgetPortal(name)
        return undefined
      }
    }
    return undefined
  }

  close(): void {
    this.#prepared.forgetAll()
  }

  async #query(frame: Frame, text: string): Promise<void> {
    const session = this.#session
    const isQuiet = await session.quiet()
    const statements = await this.#read(text, isQuiet)
    if (!isQuiet || statements === undefined) {
      session.forward(statements ? query(conceal(text, statements, this.#needs.seal).text) : frame.bytes)
      return
    }
    if (statements[0]?.kind === 'insert') return await this.#inserts.run(frame, statements[0].insert)
    await this.#withBackend('Query', statements.map(kindOf), async (backend, owner) => {
      const { inPipeline } = session.pending
      const accelerate = { text, isExtended: false, ...this.#wayOptions }
      const options = { ...this.#needs, inPipeline, takeLocks: true, accelerate }
      const { runnable, resources, locks } = await acquireResources(backend, statements, owner, options)
      session.pending.sent(FRONTEND.query)
      const script = writeScript(text, runnable, resources)
      backend.send(query(script.text))
      await runScript(backend, script.steps, this.#context(script.rewrite, text, locks, undefined))
    })
  }

  /** A statement counts as prepared, or as replaced, when the backend says so: the name may be taken. */
  async #parse(frame: Frame, name: string, text: string): Promise<void> {
    const session = this.#session
    const isQuiet = await session.quiet()
    const statements = await this.#read(text, isQuiet)
    const tail = frameBody(frame).subarray(name.length + text.length + 2)
    const withText = (other: string): Buffer => {
      return parse(Buffer.from(name, 'latin1'), other, tail)
    }
    if (!isQuiet || (statements === undefined && !this.#prepared.has(name))) {
      session.forward(statements ? withText(conceal(text, statements, this.#needs.seal).text) : frame.bytes)
      return
    }
    await this.#withBackend('Parse', (statements ?? []).map(kindOf), async (backend, owner) => {
      // Where it may, a look-up is a transaction of its own: the client's is not to begin with it.
      const inPipeline = session.pending.inPipeline || session.pending.status !== STATUS.idle
      session.pending.sent(FRONTEND.parse)
      const options = { ...this.#needs, name, kept: this.#prepared, inPipeline, types: readParameterTypes(tail) }
      const prepared = statements && (await prepare(backend, text, statements, owner, options))
      backend.send(prepared ? withText(prepared.text) : frame.bytes)
      backend.send(serialize.flush())
      const accepted = await passParsed(backend, error => {
        if (prepared === undefined) return error.bytes
        if ('refused' in prepared) return refusedWith(prepared.refused)
        return withMappedPosition(error, prepared.rewrite, text, this.#encoding)
      })
      if (accepted || name === '') this.#prepared.forget(name)
      if (!accepted || prepared === undefined || !('prepared' in prepared)) return
      this.#prepared.add(name, { ...prepared.prepared, release: owner.handOver() })
    })
  }

  async #refusePortal(frame: Frame): Promise<void> {
    const session = this.#session
    if (!(await session.quiet())) {
      session.forward(frame.bytes)
      return
    }
    await this.#withBackend('Bind', [], async backend => {
      session.pending.sent(FRONTEND.bind)
      backend.send(parse(Buffer.from(PRIVATE_NAME), UNREADABLE, Buffer.alloc(2)))
      backend.send(serialize.flush())
      await passParsed(backend, () => refusedWith(TOO_MANY_PORTALS))
    })
  }

  async #close(frame: Frame, name: string): Promise<void> {
    if (await this.#session.quiet()) this.#prepared.forget(name)
    this.#session.forward(frame.bytes)
  }

  async #execute(frame: Frame, prepared: Prepared): Promise<void> {
    const session = this.#session
    const isQuiet = await session.quiet()
    // In a failed transaction nothing is run, and a portal may not be there: its Bind may be what has failed.
    const isRefused = session.pending.status === STATUS.failed && !session.pending.inPipeline
    if (!isQuiet || isRefused) {
      session.forward(frame.bytes)
      return
    }
    await this.#withBackend('Execute', [prepared.step.kind], async (backend, owner) => {
      const execution = await planExecute(backend, frame, prepared, owner, this.#wayOptions)
      const { messages, replies, steps, locks, rewrite } = execution
      session.pending.sent(FRONTEND.execute)
      for (const message of messages) backend.send(message)
      backend.send(serialize.flush())
      await runScript(backend, steps, this.#context(rewrite, '', locks, replies))
    })
  }

  /** The backend is ours alone while `work` runs; what that acquires is released at its end. */
  async #withBackend(
    message: 'Query' | 'Parse' | 'Bind' | 'Execute',
    statements: readonly string[],
    work: (backend: BorrowedBackend, owner: ResourceOwner) => Promise<void>,
  ): Promise<void> {
    const session = this.#session
    const began = performance.now()
    session.log.debug({ message, statements }, 'operation begun')
    const owner = new ResourceOwner(this.#login.backend, this.#login.database, hasOwnSchema(this.#services.config))
    try {
      await session.withBackend(backend => work(backend, owner))
    } catch (error) {
      if (!(error instanceof Answered)) throw error
    } finally {
      // When the connection is lost the backend hears of it late, perhaps only after what it waits for has been released:
      // it is cancelled first, or else it would go on to commit what hangs on a blob that was not written.
      if (!owner.isEmpty && session.signal.aborted) await session.cancelBackend()
      await owner.release().catch(error => session.log.warn({ err: error }, 'cannot give back what a script took'))
      session.log.debug({ message, ms: Math.round(performance.now() - began) }, 'operation ended')
    }
  }

  get #encoding(): string {
    return this.#session.parameters.get('client_encoding') ?? 'UTF8'
  }

  get #wayOptions(): { readonly encoding: string; readonly serverMajorVersion: number } {
    return { encoding: this.#encoding, serverMajorVersion: this.#services.serverMajorVersion }
  }

  #read(text: string, isQuiet: boolean): Promise<Statement[] | undefined> {
    return readStatements(this.#session, this.#services, { text, client: this.#login.user, willRun: isQuiet })
  }

  #context(rewrite: Rewrite, original: string, locks: CommitLocks, replies: number | undefined): ScriptContext {
    const client = { ...this.#login, pid: this.#session.backendPid, encoding: this.#encoding }
    return scriptContext(this.#services, client, { rewrite, original, locks, replies })
  }

  /** Portals end with their transactions. */
  #forgetPortals(): void {
    if (this.#session.idle && !this.#session.pending.inPipeline) this.#prepared.forgetPortals()
  }
}

const refusedWith = (fields: PgErrorFields): Buffer => errorResponse(errorFields(new PgError(fields)))

/** For the log. */
const kindOf = (statement: Statement): string =>
  statement.kind === 'copy' ? `copy-${statement.copy.direction}` : statement.kind
