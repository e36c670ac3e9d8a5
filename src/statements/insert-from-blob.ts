import { serialize } from 'pg-protocol'
import { bind } from '../protocol/bind.ts'
import { BACKEND, FRONTEND } from '../protocol/codes.ts'
import { cstring } from '../protocol/cstring.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import {
  commandComplete,
  type ErrorFields,
  errorFields,
  errorResponse,
  parse,
  query,
  readErrorFields,
} from '../protocol/messages.ts'
import { queryCanceled } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import { copyOfFunction } from '../sql/accelerate.ts'
import type { BlobInsert } from '../sql/blob-insert.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import { type BoundInsert, planMessages, readPlan, typesOf } from './ask-plan.ts'
import { UNREADABLE } from './conceal.ts'
import { endsSession, exchange, exchangeInPipeline } from './exchange.ts'
import type { InsertPlan, PlanSettings } from './insert-plan.ts'
import { PRIVATE_NAME, privateStatement, REPLIES_OF_PRIVATE_STATEMENT } from './private-statement.ts'
import { runScript } from './run-script.ts'
import { newChallenge, type Step } from './script.ts'
import type { ScriptContext } from './script-run.ts'

export interface InsertRequest {
  readonly insert: BlobInsert
  /** The client has begun a transaction. */
  readonly isInBlock: boolean
  readonly settings: PlanSettings
  /** In the extended protocol. */
  readonly bound: BoundInsert | undefined
  readonly context: (replies: number | undefined) => ScriptContext
  readonly wasCancelled: () => boolean
}

const SAVEPOINT = privateStatement(`SAVEPOINT ${PRIVATE_NAME}`)
const RELEASE_TEXT = `RELEASE SAVEPOINT ${PRIVATE_NAME}`
const RELEASE = privateStatement(RELEASE_TEXT)
const ROLLBACK = privateStatement(`ROLLBACK TO SAVEPOINT ${PRIVATE_NAME}`)
const CLOSE_STATEMENT = serialize.close({ type: 'S', name: PRIVATE_NAME })
const CLOSE_PORTAL = serialize.close({ type: 'P', name: PRIVATE_NAME })

/**
 * An INSERT … SELECT from blob_get() as a COPY, where the server says that the rows are the same. Whatever fails there, but
 * for what the storage says, is undone, and the INSERT runs after all: what the client is told is the INSERT's own. Returns whether the
 * client has its answer; otherwise the session is as it was, and the client's message is to be sent.
 */
export async function insertFromBlob(backend: BorrowedBackend, request: InsertRequest): Promise<boolean> {
  const { insert, isInBlock, bound, settings } = request
  const asked = await exchange(backend, [...(isInBlock ? [SAVEPOINT] : []), ...planMessages(insert, bound)])
  if (asked.error && isMeant(asked.error, request)) {
    if (bound) await exchangeInPipeline(backend, [parse(Buffer.from(PRIVATE_NAME), UNREADABLE, Buffer.alloc(2))], 1)
    answer(backend, request, [asked.error], asked.ready)
    return true
  }
  const plan = asked.error ? undefined : readPlan(insert, asked, settings)
  const tried = plan && (await tryCopy(backend, request, plan))
  if (tried === undefined || (tried.error && !tried.isStorages && !isMeant(tried.error, request))) {
    await undo(backend, request)
    return false
  }
  answer(backend, request, tried.error ? [tried.error] : tried.replies, tried.ready)
  return true
}

interface Tried {
  readonly error: Frame | undefined
  /** The storage has refused, and might not do so again. */
  readonly isStorages: boolean
  readonly replies: readonly Frame[]
  /** Of a simple query. */
  readonly ready: Frame | undefined
}

async function tryCopy(
  backend: BorrowedBackend,
  { isInBlock, bound, context }: InsertRequest,
  plan: InsertPlan,
): Promise<Tried> {
  const challenge = newChallenge()
  const copy = copyOf(plan)
  const created = plan.creation === undefined ? [] : [plan.creation]
  const texts = [...created, plan.open(challenge), plan.copy]
  const steps: Step[] = [
    ...created.map((): Step => ({ kind: 'pass' })),
    { kind: 'open', copy, challenge },
    { kind: 'copy-from', copy },
  ]
  if (bound)
    backend.send(Buffer.concat([...texts.map(text => run(text, text === plan.creation ? bound : undefined)), FLUSH]))
  else backend.send(query([...texts, ...(isInBlock ? [RELEASE_TEXT] : [])].join('; ')))
  const held = new HeldReplies(plan.creation === undefined ? 'INSERT 0' : 'SELECT')
  backend.setReplySink(frame => held.take(frame))
  const means = context(bound && REPLIES_OF_RUN * texts.length)
  let isStorages = false
  // What goes through here is of the proxy, not of the backend.
  const encodeError = (fields: ErrorFields): Promise<ErrorFields> => {
    isStorages = STORAGE_CLASSES.has(fields.get('C')?.toString().slice(0, 2) ?? '')
    return means.encodeError(fields)
  }
  try {
    await runScript(backend, steps, { ...means, encodeError })
  } finally {
    backend.setReplySink(undefined)
  }
  const { error, replies, ready } = held
  if (error !== undefined || bound === undefined) return { error, isStorages, replies, ready }
  // The client's portal counts as run.
  const closes = [CLOSE_PORTAL, CLOSE_STATEMENT, serialize.close({ type: 'P', name: bound.portal })]
  const behind = isInBlock ? [...closes, RELEASE] : closes
  const replyCount = closes.length + (isInBlock ? REPLIES_OF_PRIVATE_STATEMENT : 0)
  return { error: await exchangeInPipeline(backend, behind, replyCount), isStorages, replies, ready }
}

/** Those of the errors that a storage's answers are; of what is in a blob, there are none. */
const STORAGE_CLASSES: ReadonlySet<string> = new Set(['08', '28', '42', '55', '58'])

const FLUSH = serialize.flush()

/**
 * As privateStatement(), but without what a backend in a COPY does not take: the portal before is closed first. With the
 * client's parameters, where it has some.
 */
const run = (text: string, bound: BoundInsert | undefined): Buffer =>
  Buffer.concat([
    CLOSE_PORTAL,
    CLOSE_STATEMENT,
    parse(Buffer.from(PRIVATE_NAME), text, typesOf(bound)),
    bind(PRIVATE_NAME, PRIVATE_NAME, bound?.bind),
    serialize.execute({ portal: PRIVATE_NAME }),
  ])
const REPLIES_OF_RUN = 5

/** What the client gets when all is through. */
class HeldReplies {
  readonly #tag: string
  error: Frame | undefined
  replies: Frame[] = []
  ready: Frame | undefined

  /** `tag` stands before the number of rows. */
  constructor(tag: string) {
    this.#tag = tag
  }

  /** Whether it is held. */
  take(frame: Frame): boolean {
    switch (frame.code) {
      case BACKEND.errorResponse:
        if (endsSession(frame)) return false
        this.error ??= frame
        return true
      case BACKEND.commandComplete: {
        // Before and behind it come others of ours.
        const [verb, rows] = cstring(frameBody(frame), 0).split(' ')
        if (verb === 'COPY') this.replies.push({ code: frame.code, bytes: commandComplete(`${this.#tag} ${rows}`) })
        return true
      }
      case BACKEND.noticeResponse:
        if (this.replies.length < MAX_NOTICES) this.replies.push({ code: frame.code, bytes: withoutContext(frame) })
        return true
      case BACKEND.readyForQuery:
        this.ready = frame
        return true
      default:
        return false
    }
  }
}

const MAX_NOTICES = 1000

const copyOf = ({ account, container, path, coder: { format, compression } }: InsertPlan): CopyStatement =>
  copyOfFunction('blob_get', { account, container, path, format: { format, compression } }, { start: 0, end: 0 })

/** That of COPY, which says nothing to who has sent an INSERT. */
function withoutContext(frame: Frame): Buffer {
  const fields = readErrorFields(frameBody(frame))
  fields.delete('W')
  return errorResponse(fields, frame.code)
}

/** Somebody wants the statement to end. */
const isMeant = (error: Frame, { wasCancelled }: InsertRequest): boolean => isCancelled(error) || wasCancelled()

const isCancelled = (error: Frame): boolean => {
  const fields: ErrorFields = readErrorFields(frameBody(error))
  return fields.get('C')?.toString() === SQLSTATE.queryCanceled
}

function answer(
  backend: BorrowedBackend,
  { bound, wasCancelled }: InsertRequest,
  replies: readonly Frame[],
  ready: Frame | undefined,
): void {
  backend.pending.sent(bound ? FRONTEND.execute : FRONTEND.query)
  for (const frame of replies) {
    if (frame.code !== BACKEND.errorResponse) backend.reply(frame)
    else if (wasCancelled() && !isCancelled(frame))
      backend.reply({ code: frame.code, bytes: errorResponse(errorFields(queryCanceled('user request'))) })
    else backend.reply({ code: frame.code, bytes: withoutContext(frame) })
  }
  if (!bound && ready) backend.reply(ready)
}

/** The session is as it was, and the client's portal there. */
async function undo(backend: BorrowedBackend, { isInBlock, bound }: InsertRequest): Promise<void> {
  if (bound) await exchange(backend, []) // behind an error, nothing is read before
  if (isInBlock) await exchange(backend, [CLOSE_PORTAL, ROLLBACK, RELEASE])
  else if (bound) await exchangeInPipeline(backend, [bound.bind], 1)
}
