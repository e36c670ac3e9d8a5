import { CREATE_EXTENSION_DENIED, INSTALLER_PREFIX } from '../extension/install.ts'
import { needsSingleColumn } from '../formats/format.ts'
import { BlobExport } from '../handlers/blob-export.ts'
import { BlobImport } from '../handlers/blob-import.ts'
import { BACKEND } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { commandComplete, type ErrorFields, errorFields, errorResponse, readErrorFields } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { SpoolOptions } from '../storage/blob-spool.ts'
import type { OpenedCopy } from './open-copy.ts'
import type { Step } from './script.ts'
import type { Session } from './session.ts'

export interface ScriptContext {
  /** Reads the row of copy_open(). */
  readonly openCopy: (step: Step & { kind: 'open' }, row: Frame) => Promise<OpenedCopy>
  readonly spool: SpoolOptions
  /** Lets the backend's wait for the blob end. */
  readonly settle: (copy: CopyStatement) => Promise<void>
  /** Turns the position in an error of a rewritten text into that of the original. */
  readonly mapPosition: (fields: ErrorFields) => void
  /** For the extended protocol: how many closing replies belong to the exchange. A simple query ends with ReadyForQuery. */
  readonly replies: number | undefined
}

const MEBIBYTE = 1024 * 1024
const PASS: Step = { kind: 'pass' }

/** Sees a script through: takes each reply of the backend for the step it belongs to, passes on what is the client's. */
export async function runScript(session: Session, steps: readonly Step[], context: ScriptContext): Promise<void> {
  let index = 0
  let replies = 0
  let failed = false
  let opened: OpenedCopy | undefined
  let transfer: BlobImport | BlobExport | undefined
  let exported: Frame | undefined
  let committing: Promise<void> | undefined
  try {
    while (context.replies === undefined || replies < context.replies) {
      const frame = await (committing ? nextUnlessBroken(session, committing) : session.next())
      const step = failed ? PASS : (steps[index] ?? PASS)
      const own = step.kind === 'open' || step.kind === 'settle'
      switch (frame.code) {
        case BACKEND.readyForQuery:
          session.reply(frame)
          return
        case BACKEND.errorResponse: {
          await transfer?.stop()
          const bytes = describeError(frame, step, transfer, context)
          transfer = undefined
          committing = undefined
          failed = true
          session.reply({ code: frame.code, bytes })
          if (context.replies !== undefined) return
          break
        }
        case BACKEND.noticeResponse:
          if (!own) session.reply(step.kind === 'retag' ? withoutContext(frame) : frame)
          // It waits for a blob that will not be: a request to cancel between two messages has cancelled nothing.
          else if (step.kind === 'settle' && transfer?.failure) await session.cancelBackend()
          break
        case BACKEND.parseComplete:
        case BACKEND.bindComplete:
        case BACKEND.closeComplete:
          replies++
          break
        case BACKEND.rowDescription:
          if (!own) session.reply(frame)
          break
        case BACKEND.dataRow:
          if (!own) session.reply(frame)
          else if (step.kind === 'open') opened = await context.openCopy(step, frame)
          break
        case BACKEND.copyInResponse:
          if (step.kind !== 'copy-from') {
            session.reply(frame)
            session.passClientCopy()
            break
          }
          transfer = new BlobImport(session, () => open(step.copy, opened, frame), {
            format: step.copy.format,
            columns: opened?.columns ?? [],
            spool: context.spool,
            timeoutMs: opened?.statementTimeoutMs ?? 0,
          })
          break
        case BACKEND.copyOutResponse:
          if (step.kind !== 'copy-to') {
            session.reply(frame)
            break
          }
          transfer = new BlobExport(session, () => open(step.copy, opened, frame), {
            format: step.copy.format,
            columns: opened?.columns ?? [],
            spool: context.spool,
            maxBlockBytes: (opened?.blockSizeMb ?? 1) * MEBIBYTE,
            timeoutMs: opened?.statementTimeoutMs ?? 0,
          })
          break
        case BACKEND.copyDone:
          if (step.kind !== 'copy-to') session.reply(frame)
          break
        case BACKEND.commandComplete:
        case BACKEND.emptyQueryResponse:
        case BACKEND.portalSuspended:
          replies++
          if (!failed) index++
          if (transfer instanceof BlobExport && step.kind === 'copy-to') {
            session.setCopyDataSink(undefined)
            exported = frame
            // A failure comes back as the error of the statement that the backend is in; it may also fail by itself.
            committing = commit(transfer, () => context.settle(step.copy))
            committing.catch(() => {})
          } else if (step.kind === 'settle') {
            if (transfer?.failure) throw new Error('the backend did not wait for the blob', { cause: transfer.failure })
            if (exported) session.reply(exported)
            transfer = undefined
            committing = undefined
          } else if (step.kind === 'copy-from') {
            await transfer?.stop()
            transfer = undefined
            session.reply(frame)
          } else if (step.kind === 'retag') {
            session.reply({ code: frame.code, bytes: commandComplete(step.tag) })
          } else if (!own) session.reply(frame)
          break
        default:
          session.reply(frame)
      }
    }
  } finally {
    await transfer?.stop()
  }
}

function open(copy: CopyStatement, opened: OpenedCopy | undefined, response: Frame): Blob {
  // CopyInResponse and CopyOutResponse: overall format byte, then the number of columns.
  const columns = frameBody(response).readInt16BE(1)
  if (copy.format.format === 'text' && columns !== 1) {
    throw needsSingleColumn(copy.direction === 'from' ? 'decoder' : 'encoder')
  }
  if (opened === undefined) throw new Error('copy_open() returned no row')
  const blob = opened.blob()
  if (copy.format.format === 'parquet' && columns !== opened.columns.length) {
    throw new Error(`COPY has ${columns} columns, not ${opened.columns.length}`) // altered by somebody else in between
  }
  return blob
}

/** What the client is told instead of the backend's own words, where the proxy knows better. */
function describeError(
  frame: Frame,
  step: Step,
  transfer: BlobImport | BlobExport | undefined,
  context: ScriptContext,
): Buffer {
  const fields = readErrorFields(frameBody(frame))
  const code = fields.get('C')?.toString()
  if (step.kind === 'refuse' && code === SQLSTATE.raiseException) return errorResponse(errorFields(step.error))
  if (transfer?.failure && code === SQLSTATE.queryCanceled) {
    const told = errorFields(transfer.failure)
    const where = fields.get('W')
    if (where && transfer instanceof BlobImport && transfer.begun) told.set('W', where)
    return errorResponse(told)
  }
  const isMissing = code === SQLSTATE.invalidSchemaName || code === SQLSTATE.undefinedFunction
  if (step.kind === 'open' && isMissing) return errorResponse(errorFields(notInstalled()))
  if (fields.has('P')) {
    // Also where the first step is ours: the whole text did not parse.
    context.mapPosition(fields)
  } else if (step.kind === 'pass' || step.kind === 'copy-from' || step.kind === 'copy-to') {
    return frame.bytes
  } else {
    for (const internal of ['W', 'p', 'q']) fields.delete(internal)
    // A role without the right to call the installer: its name says nothing to the client.
    if (step.kind === 'retag' && code === SQLSTATE.insufficientPrivilege) {
      const message = fields.get('M')?.toString('latin1') ?? ''
      if (message.includes(INSTALLER_PREFIX)) fields.set('M', Buffer.from(CREATE_EXTENSION_DENIED))
    }
  }
  return errorResponse(fields)
}

function withoutContext(frame: Frame): Frame {
  const fields = readErrorFields(frameBody(frame))
  fields.delete('W')
  return { code: frame.code, bytes: errorResponse(fields, frame.code) }
}

function notInstalled(): PgError {
  return new PgError({
    message: 'azure_storage: the extension is not installed in this database',
    code: SQLSTATE.undefinedObject,
    hint: 'Use CREATE EXTENSION azure_storage',
  })
}

async function commit(transfer: BlobExport, settle: () => Promise<void>): Promise<void> {
  try {
    await transfer.commit()
  } catch (error) {
    if (error instanceof PgError) return
    throw error
  }
  await settle()
}

/** The next frame, unless a commit breaks in a way that no reply of the backend would tell. */
function nextUnlessBroken(session: Session, committing: Promise<void>): Promise<Frame> {
  return new Promise((resolve, reject) => {
    session.next().then(resolve, reject)
    committing.catch(reject)
  })
}
