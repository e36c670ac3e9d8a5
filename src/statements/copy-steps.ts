import type { Transfer } from '../activity/transfer.ts'
import { encodeCopyText } from '../formats/copy-text.ts'
import { needsSingleColumn, resolveFileFormat } from '../formats/format.ts'
import { CopyFiles } from '../operations/copy-files.ts'
import { BlobImport } from '../operations/copy-from.ts'
import type { OpenedCopy } from '../operations/copy-open.ts'
import { BlobExport } from '../operations/copy-to.ts'
import { BACKEND } from '../protocol/codes.ts'
import { cstring } from '../protocol/cstring.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { type ErrorFields, errorFields } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { Blob } from '../storage/blob-client.ts'
import { readBlob } from '../transfer/read-blob.ts'
import { joinerOf } from './joiner.ts'
import type { Step } from './script.ts'
import type { ScriptRun, StepHandler } from './script-run.ts'

const MEBIBYTE = 1024 * 1024

/** The client's COPY … FROM 'https://…', which the backend runs as COPY FROM STDIN. */
export function copyFrom({ copy }: Step & { kind: 'copy-from' }, run: ScriptRun): StepHandler {
  const { wire, context } = run
  let files: CopyFiles | undefined
  const read = (response: Frame, account: Transfer, signal: AbortSignal): AsyncIterable<Buffer> => {
    const { opened } = run
    const blob = blobOf(copy, opened, response)
    const { spool, memory } = context
    const options = { columns: opened?.columns ?? [], isMatched: copy.isMatched, spool, memory, signal }
    // PostgreSQL parses the rows.
    const stages = () => (copy.format.format === 'text' ? [encodeCopyText()] : [])
    if (opened?.files === undefined)
      return readBlob(account.counting(blob), { ...options, format: copy.format }, ...stages())
    files = new CopyFiles(opened.files, joinerOf(copy, context.serverMajorVersion), account)
    return files.read(
      options,
      path => resolveFileFormat(path, copy.format.format, copy.files?.compression ?? 'auto'),
      stages,
    )
  }
  return {
    isOurs: false,
    take(frame) {
      if (frame.code !== BACKEND.copyInResponse) return wire.reply(frame)
      const account = context.beginTransfer(copy, run.opened)
      run.account = account
      run.transfer = new BlobImport(wire, signal => read(frame, account, signal), {
        timeoutMs: run.opened?.statementTimeoutMs ?? 0,
        onRows: bytes => account.sawRows(bytes),
      })
    },
    async complete(frame) {
      await run.transfer?.stop()
      run.account?.done(rowsOf(frame))
      delete run.transfer
      wire.reply(frame)
    },
    replaceError(fields) {
      const told = failureOf(run, fields)
      const where = fields.get('W')
      const isInRows = run.transfer instanceof BlobImport && (run.transfer.begun || told?.has('W'))
      if (told && where && isInRows) told.set('W', where)
      return told
    },
    placeOf(fields) {
      const { transfer } = run
      if (failureOf(run, fields)) {
        return files && transfer instanceof BlobImport && transfer.begun && fields.has('W')
          ? transfer.failure?.context
          : undefined
      }
      const line = LINE.exec(fields.get('W')?.toString('latin1') ?? '')?.[1]
      return line === undefined ? undefined : files?.placeOf(Number(line))
    },
  }
}

/** "COPY t, line 7, column a: …", in the server's language. */
const LINE = /^COPY .*?, \S+ (\d+)(?=$|[,: ])/m

/** The client's COPY … TO 'https://…', which the backend runs as COPY TO STDOUT: it is complete when the blob is committed. */
export function copyTo({ copy }: Step & { kind: 'copy-to' }, run: ScriptRun): StepHandler {
  const { wire } = run
  return {
    isOurs: false,
    take(frame) {
      if (frame.code === BACKEND.copyDone) return
      if (frame.code === BACKEND.copyOutResponse) beginExport(copy, run, () => blobOf(copy, run.opened, frame))
      else wire.reply(frame)
    },
    complete(frame) {
      if (!(run.transfer instanceof BlobExport)) return wire.reply(frame)
      beginCommit(copy, run, frame, rowsOf(frame))
    },
    replaceError: fields => failureOf(run, fields),
  }
}

/** Of the blob that the run has opened last. */
export function beginExport(copy: CopyStatement, run: ScriptRun, openBlob: () => Blob, first?: Buffer): BlobExport {
  const { wire, context, opened } = run
  const account = context.beginTransfer(copy, opened)
  const transfer = new BlobExport(wire, () => account.counting(openBlob()), {
    format: copy.format,
    extra: copy.extraOptions,
    ...(first && { first }),
    columns: opened?.columns ?? [],
    spool: context.spool,
    maxBlockBytes: (opened?.blockSizeMb ?? 1) * MEBIBYTE,
    timeoutMs: opened?.statementTimeoutMs ?? 0,
    onRows: bytes => account.sawRows(bytes),
  })
  run.account = account
  run.transfer = transfer
  return transfer
}

/** The backend has come to its wait for the blob; also where there turned out to be none. */
export function beginCommit(copy: CopyStatement, run: ScriptRun, completion: Frame, rows: number): void {
  const { wire, context, transfer } = run
  wire.setCopyDataSink(undefined)
  run.account?.committing()
  const done = commit(transfer instanceof BlobExport ? transfer : undefined, () => context.confirmCommit(copy))
  // A failure comes back as the error of the statement that the backend is in; it may also fail by itself.
  done.catch(() => {})
  run.commit = { done, completion, rows }
}

/** The backend waits for the blob: a transaction must not commit before it. */
export function awaitCommit(run: ScriptRun): StepHandler {
  const { wire } = run
  return {
    isOurs: true,
    async take(frame) {
      if (frame.code === BACKEND.noticeResponse) {
        // It waits for a blob that will not be: a request to cancel between two messages has cancelled nothing.
        if (run.transfer?.failure) await wire.cancelBackend()
      } else if (frame.code !== BACKEND.rowDescription && frame.code !== BACKEND.dataRow) wire.reply(frame)
    },
    complete() {
      const { transfer, commit } = run
      if (transfer?.failure) throw new Error('the backend did not wait for the blob', { cause: transfer.failure })
      if (commit) {
        run.account?.done(commit.rows)
        wire.reply(commit.completion)
      }
      delete run.transfer
      delete run.commit
    },
    replaceError: fields => failureOf(run, fields),
  }
}

/** Why the transfer had the backend's statement cancelled, if it had. */
export function failureOf({ transfer }: ScriptRun, fields: ErrorFields): ErrorFields | undefined {
  const isCancelled = fields.get('C')?.toString() === SQLSTATE.queryCanceled
  return transfer?.failure && isCancelled ? errorFields(transfer.failure) : undefined
}

/** A CommandComplete's tag is `COPY 1000`. */
export const rowsOf = (complete: Frame): number => Number(cstring(frameBody(complete), 0).split(' ')[1])

async function commit(transfer: BlobExport | undefined, confirm: () => Promise<void>): Promise<void> {
  try {
    await transfer?.commit()
  } catch (error) {
    if (error instanceof PgError) return
    throw error
  }
  await confirm()
}

/** @throws PgError */
export function blobOf(copy: CopyStatement, opened: OpenedCopy | undefined, response: Frame): Blob {
  // CopyInResponse and CopyOutResponse: overall format byte, then the number of columns.
  const columns = frameBody(response).readInt16BE(1)
  if (copy.format.format === 'text' && columns !== 1) {
    throw needsSingleColumn(copy.direction === 'from' ? 'decoder' : 'encoder')
  }
  if (copy.failure) throw new PgError(copy.failure)
  if (opened === undefined) throw new Error('copy_open() returned no row')
  const blob = opened.blob()
  const isByColumn = copy.format.format === 'parquet' || (copy.format.format === 'jsonl' && copy.direction === 'from')
  if (isByColumn && columns !== opened.columns.length) {
    throw new Error(`COPY has ${columns} columns, not ${opened.columns.length}`) // altered by somebody else in between
  }
  return blob
}
