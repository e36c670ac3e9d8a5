import { dataRows, rowDescription } from '../loopback/rows.ts'
import { FRONTEND, STATUS } from '../protocol/codes.ts'
import { cstring } from '../protocol/cstring.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import {
  bindComplete,
  closeComplete,
  commandComplete,
  emptyQueryResponse,
  errorFields,
  errorResponse,
  fatalError,
  noData,
  noParameters,
  parseComplete,
  readyForQuery,
} from '../protocol/messages.ts'
import { asPgError, PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import type { Interceptor } from '../session/client-stream.ts'
import type { Session } from '../session/session.ts'
import { turns } from '../turns.ts'
import { type Command, readCommand } from './command.ts'
import { showAll } from './show.ts'
import type { Row } from './shown.ts'

const STATEMENT = 'S'.charCodeAt(0)
/** Nobody needs more; none is ever of use again. */
const MAX_KEPT = 100
const ROWS_AT_ONCE = 100

const TOO_LONG = new PgError({
  message: 'blobgres: the message is too long for the admin database',
  code: SQLSTATE.protocolViolation,
})

/** What others are told who ask for it. */
export const NO_ADMIN = new PgError({
  message: 'blobgres: only superusers may use the admin database',
  code: SQLSTATE.insufficientPrivilege,
})

type Named = Map<string, Command | undefined>

/**
 * A session with the proxy itself. The backend has let its client in, and says that it is a superuser; what the client
 * asks for then it never sees.
 */
export class AdminInterceptor implements Interceptor {
  readonly #session: Session
  readonly #services: Services
  readonly #statements: Named = new Map()
  readonly #portals: Named = new Map()
  readonly #closed = new AbortController()

  constructor(session: Session, services: Services) {
    this.#session = session
    this.#services = services
  }

  wants(code: number): boolean {
    return code !== FRONTEND.terminate && code !== FRONTEND.password
  }

  /** What is too long to be looked at is not for the backend either. */
  passes(code: number): void {
    if (this.wants(code)) this.#session.close(fatalError(TOO_LONG))
  }

  examine(frame: Frame): () => Promise<void> {
    return () => this.#take(frame)
  }

  close(): void {
    this.#closed.abort()
    this.#statements.clear()
    this.#portals.clear()
  }

  async #take(frame: Frame): Promise<void> {
    const session = this.#session
    await session.quiet() // the login is over
    const { code } = frame
    if (session.pending.skipping && code !== FRONTEND.sync) return
    await session.withBackend(async backend => {
      session.pending.sent(code)
      const reply = (bytes: Buffer): void => backend.reply({ code: bytes[0] as number, bytes })
      try {
        for await (const bytes of this.#answer(code, frameBody(frame))) reply(bytes)
      } catch (error) {
        if (!(error instanceof PgError)) session.log.error({ err: error }, 'admin command failed')
        reply(errorResponse(errorFields(asPgError(error))))
      }
      const isCycle = code === FRONTEND.query || code === FRONTEND.sync || code === FRONTEND.functionCall
      if (isCycle) reply(readyForQuery(STATUS.idle))
    })
  }

  async *#answer(code: number, body: Buffer): AsyncGenerator<Buffer> {
    const name = cstring(body, 0)
    switch (code) {
      case FRONTEND.query:
        yield* this.#run(readCommand(name), true)
        break
      case FRONTEND.parse:
        keep(this.#statements, name, readCommand(cstring(body, name.length + 1)))
        yield parseComplete()
        break
      case FRONTEND.bind:
        keep(this.#portals, name, find(this.#statements, cstring(body, name.length + 1)))
        yield bindComplete()
        break
      case FRONTEND.describe: {
        const isStatement = body[0] === STATEMENT
        const command = find(isStatement ? this.#statements : this.#portals, cstring(body, 1))
        if (isStatement) yield noParameters()
        yield command?.kind === 'show' ? rowDescription(command.shown.columns) : noData()
        break
      }
      case FRONTEND.execute:
        yield* this.#run(find(this.#portals, name), false)
        break
      case FRONTEND.close:
        ;(body[0] === STATEMENT ? this.#statements : this.#portals).delete(cstring(body, 1))
        yield closeComplete()
        break
      case FRONTEND.sync:
        this.#portals.clear()
        break
      case FRONTEND.functionCall:
        readCommand('function call')
        break
    }
  }

  async *#run(command: Command | undefined, isSimple: boolean): AsyncGenerator<Buffer> {
    if (command === undefined) {
      yield emptyQueryResponse()
      return
    }
    if (command.kind === 'show') {
      const { columns } = command.shown
      const shown = await showAll(command.what, this.#services)
      if (isSimple) yield rowDescription(columns)
      yield* this.#rows(shown)
      yield commandComplete('SHOW')
    } else yield commandComplete(command.tag)
  }

  async *#rows(rows: Iterable<Row>): AsyncGenerator<Buffer> {
    const encoding = this.#session.parameters.get('client_encoding') ?? 'UTF8'
    const turn = turns(this.#closed.signal)
    let some: Row[] = []
    const encoded = (): Promise<Buffer> =>
      dataRows(some, texts => this.#services.conversions.encodeShown(texts, encoding))
    for (const row of rows) {
      some.push(row)
      if (some.length < ROWS_AT_ONCE) continue
      yield await encoded()
      some = []
      await turn()
    }
    if (some.length > 0) yield await encoded()
  }
}

function keep(named: Named, name: string, command: Command | undefined): void {
  if (named.size >= MAX_KEPT) named.clear()
  named.set(name, command)
}

/** @throws PgError */
function find(named: Named, name: string): Command | undefined {
  if (named.has(name)) return named.get(name)
  throw new PgError({
    message: 'blobgres: there is no prepared statement or portal of this name',
    code: SQLSTATE.invalidSqlStatementName,
  })
}
