import { CREATE_EXTENSION_DENIED, DROP_EXTENSION_DENIED, INSTALLER_PREFIX } from '../extension/install.ts'
import { BACKEND } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { commandComplete, type ErrorFields, errorFields, errorResponse, readErrorFields } from '../protocol/messages.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Wire } from '../session/wire.ts'
import { EXTENSION } from '../sql/extension-name.ts'
import { copyInServer } from './copy-in-server.ts'
import { awaitCommit, copyFrom, copyTo } from './copy-steps.ts'
import { openCopy } from './open-step.ts'
import { describeRows, putResult, putRows } from './put-steps.ts'
import type { Step } from './script.ts'
import type { ScriptRun, StepHandler } from './script-run.ts'

/** What becomes of the replies to a step, which is the next that the backend comes to. */
export function handleStep(step: Step, run: ScriptRun): StepHandler {
  switch (step.kind) {
    case 'pass':
    case 'accelerable':
      return pass(run.wire)
    case 'open':
      return openCopy(step, run)
    case 'copy-from':
      return copyFrom(step, run)
    case 'copy-to':
      return copyTo(step, run)
    case 'copy-in-server':
      return copyInServer(step, run)
    case 'await-commit':
      return awaitCommit(run)
    case 'describe':
      return describeRows(run)
    case 'put':
      return putRows(step, run)
    case 'put-result':
      return putResult(step, run)
    case 'retag':
      return retag(step.tag, run.wire)
    case 'drop-extension':
      return { ...pass(run.wire), replaceError: replaceDenial }
    case 'refuse':
      return { ...pass(run.wire), isOurs: true, replaceError: fields => replaceRefusal(fields, step) }
    default:
      return step satisfies never
  }
}

/** All goes to the client; a COPY of its own gets its data from there. */
function pass(wire: Wire): StepHandler {
  return {
    isOurs: false,
    take(frame) {
      wire.reply(frame)
      if (frame.code === BACKEND.copyInResponse) wire.passClientCopy()
    },
    complete: frame => wire.reply(frame),
    replaceError: () => undefined,
  }
}

/** The statement that is refused fails for its own reason: where COPY with URLs is off, in PostgreSQL's words. */
function replaceRefusal(fields: ErrorFields, { error }: Step & { kind: 'refuse' }): ErrorFields | undefined {
  return sqlstate(fields) === SQLSTATE.raiseException ? errorFields(error) : undefined
}

/** By the routine that it comes from, for its words may be in any language. */
function replaceDenial(fields: ErrorFields): ErrorFields | undefined {
  const isDenied =
    sqlstate(fields) === SQLSTATE.insufficientPrivilege && fields.get('R')?.toString() === 'aclcheck_error'
  if (!isDenied || !fields.get('M')?.includes(EXTENSION)) return undefined
  fields.set('M', Buffer.from(DROP_EXTENSION_DENIED))
  return fields
}

function retag(tag: string, wire: Wire): StepHandler {
  return {
    ...pass(wire),
    isOurs: true,
    take: frame => wire.reply(frame.code === BACKEND.noticeResponse ? withoutContext(frame) : frame),
    complete: frame => wire.reply({ code: frame.code, bytes: commandComplete(tag) }),
    /** For a role without the right to call the installer, whose name says nothing to the client. */
    replaceError(fields) {
      const isDenied = sqlstate(fields) === SQLSTATE.insufficientPrivilege
      const message = fields.get('M')?.toString('latin1') ?? ''
      if (isDenied && message.includes(INSTALLER_PREFIX)) fields.set('M', Buffer.from(CREATE_EXTENSION_DENIED))
      return undefined
    },
  }
}

function withoutContext(frame: Frame): Frame {
  const fields = readErrorFields(frameBody(frame))
  fields.delete('W')
  return { code: frame.code, bytes: errorResponse(fields, frame.code) }
}

const sqlstate = (fields: ErrorFields): string | undefined => fields.get('C')?.toString()
