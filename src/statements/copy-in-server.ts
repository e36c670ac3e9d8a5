import { stringify } from 'csv-stringify/sync'
import type { BlobExport } from '../operations/copy-to.ts'
import { BACKEND } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { commandComplete, type ErrorFields, readErrorFields } from '../protocol/messages.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import { beginCommit, beginExport, failureOf } from './copy-steps.ts'
import { rejectedCopy, type Step } from './script.ts'
import type { ScriptRun, StepHandler } from './script-run.ts'

/** As azure_storage_private.copy_in_server() says it, at the end. */
const COPIED = /^azure_storage: copied (\d+)$/

/** The client's COPY FROM 'https://…' that the server's functions run, as in a function of the client's. */
export function copyInServer({ copy, rejectedMark }: Step & { kind: 'copy-in-server' }, run: ScriptRun): StepHandler {
  const { wire } = run
  const rejected = rejectedRows(copy.rejected && rejectedCopy(copy, copy.rejected), run)
  let rows = '0'
  delete run.account // of a COPY before in the same text
  return {
    isOurs: true,
    take(frame) {
      const info = infoOf(frame)
      const message = info?.get('M')?.toString('latin1') ?? ''
      const copied = COPIED.exec(message)
      if (copied) rows = copied[1] as string
      else if (message !== `azure_storage: rejected ${rejectedMark}` || !rejected.add(info)) wire.reply(frame)
    },
    complete(frame) {
      const completion = { code: frame.code, bytes: commandComplete(`COPY ${rows}`) }
      if (copy.rejected) beginCommit(copy, run, completion, rejected.count)
      else wire.reply(completion)
    },
    replaceError: fields => failureOf(run, fields),
  }
}

function infoOf(frame: Frame): ErrorFields | undefined {
  const fields = frame.code === BACKEND.noticeResponse ? readErrorFields(frameBody(frame)) : undefined
  return fields?.get('V')?.toString() === 'INFO' ? fields : undefined
}

/** Go into a blob of their own, which is not begun before the first. */
function rejectedRows(copy: CopyStatement | undefined, run: ScriptRun) {
  let blob: BlobExport | undefined
  return {
    count: 0,
    /** Whether it is one, as azure_storage_private.tell_row() tells it. */
    add(info: ErrorFields | undefined): boolean {
      const row = toldRow(info)
      if (copy === undefined || row === undefined) return false
      const { opened } = run
      if (opened === undefined) throw new Error('copy_open() returned no row')
      if (blob === undefined) {
        blob = beginExport(copy, run, opened.blob)
        blob.take(HEADER)
      }
      blob.take(Buffer.from(stringify([row])))
      this.count++
      return true
    },
  }
}

/** More than the texts that tell_row() cuts can be. */
const MAX_TOLD_BYTES = 1024 * 1024

/** In base64, whatever the client's encoding. The caller's own code, as in a trigger, can find out the mark and tell anything. */
function toldRow(info: ErrorFields | undefined): (number | string | null)[] | undefined {
  const told = info?.get('D')
  if (told === undefined || told.length > MAX_TOLD_BYTES) return undefined
  try {
    const row: unknown = JSON.parse(Buffer.from(told.toString('latin1'), 'base64').toString())
    const isRow = Array.isArray(row) && row.length === COLUMNS.length && row.every(isValue)
    return isRow ? row : undefined
  } catch {
    return undefined
  }
}

const isValue = (value: unknown): boolean => value === null || ['number', 'string'].includes(typeof value)

const COLUMNS = ['line', 'column', 'message', 'row']
const HEADER = Buffer.from(stringify([COLUMNS]))
