import type { BlobExport } from '../operations/copy-to.ts'
import { BACKEND } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import { dataRow, portalSuspended } from '../protocol/messages.ts'
import { awaitCommit, beginCommit, beginExport, blobOf, failureOf, rowsOf } from './copy-steps.ts'
import { headerLine } from './row-header.ts'
import type { Step } from './script.ts'
import type { ScriptRun, StepHandler } from './script-run.ts'

/** What COPY writes in its binary format where there are no rows: signature, flags, extension, end. */
const EMPTY_BINARY_BYTES = 21

const EMPTY = Buffer.alloc(0)

/** The rows of blob_put(), which the backend runs as COPY TO STDOUT. Without any there is no blob, and nothing is asked of the storage. */
export function putRows({ copy, header }: Step & { kind: 'put' }, run: ScriptRun): StepHandler {
  const { wire } = run
  const emptyBytes = copy.format.format === 'binary' ? EMPTY_BINARY_BYTES : 0
  let first: Buffer = EMPTY
  let transfer: BlobExport | undefined
  const take = (response: Frame, rows: Buffer): void => {
    // What came together with the first rows comes here too.
    if (transfer) {
      transfer.take(rows)
      return
    }
    first = Buffer.concat([first, rows])
    if (first.length <= emptyBytes) return
    const names = run.opened?.columns.map(({ name }) => name) ?? []
    const line = header ? headerLine(header, names) : EMPTY
    transfer = beginExport(copy, run, () => blobOf(copy, run.opened, response), Buffer.concat([line, first]))
    first = EMPTY
  }
  return {
    isOurs: false,
    take(frame) {
      if (frame.code === BACKEND.copyDone) return
      if (frame.code === BACKEND.copyOutResponse) wire.setCopyDataSink(rows => take(frame, rows))
      else wire.reply(frame)
    },
    complete(frame) {
      const rows = rowsOf(frame)
      const result = dataRow(rows > 0 ? EMPTY : undefined)
      beginCommit(copy, run, { code: BACKEND.dataRow, bytes: result }, rows)
    },
    replaceError: fields => failureOf(run, fields),
  }
}

/** The client has the description before the first row is made. */
export function describeRows({ wire }: ScriptRun): StepHandler {
  return {
    isOurs: true,
    take: frame => wire.reply(frame),
    complete: () => {},
    replaceError: () => undefined,
  }
}

/** The backend waits for the blob; the client gets the row that blob_put() gives: nothing, or NULL where there were no rows. */
export function putResult({ isSuspended }: Step & { kind: 'put-result' }, run: ScriptRun): StepHandler {
  const waiting = awaitCommit(run)
  return {
    ...waiting,
    complete(frame) {
      waiting.complete(frame)
      run.wire.reply(isSuspended ? { code: BACKEND.portalSuspended, bytes: portalSuspended() } : frame)
    },
  }
}
