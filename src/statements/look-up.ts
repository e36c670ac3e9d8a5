import { serialize } from 'pg-protocol'
import { BACKEND, FRONTEND, STATUS } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { readErrorFields } from '../protocol/messages.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import { privateStatement, REPLIES_OF_PRIVATE_STATEMENT } from './private-statement.ts'

/** Thrown where a statement of ours has failed, and the client's with it: the client has been told. */
export class Answered extends Error {
  override readonly name = 'Answered'
}

/**
 * The one value that a query of ours gives in the client's own session, NULL as undefined; `none` where it gives no row,
 * or fails without harm to the client's transaction. When it is cancelled, it was the client's statement that was meant.
 * @throws Answered
 */
export async function lookUp(
  backend: BorrowedBackend,
  text: string,
  values: Buffer[],
  none: string | undefined,
  inPipeline: boolean,
): Promise<string | undefined> {
  backend.send(privateStatement(text, values))
  backend.send(inPipeline ? serialize.flush() : serialize.sync())
  let replies = 0
  let value = none
  let failure: Frame | undefined
  while (replies < REPLIES_OF_PRIVATE_STATEMENT || !inPipeline) {
    const frame = await backend.next()
    switch (frame.code) {
      case BACKEND.dataRow:
        value = firstValue(frame)
        break
      case BACKEND.errorResponse:
        if (inPipeline) {
          backend.reply(frame)
          throw new Answered()
        }
        failure = frame
        break
      case BACKEND.readyForQuery:
        if (failure === undefined) return value
        if (backend.pending.status !== STATUS.inTransaction && !isCancelled(failure)) return value
        // A Parse awaits its reply: again, where an error is one to it.
        if (backend.pending.inPipeline) return lookUp(backend, text, values, none, true)
        backend.pending.sent(FRONTEND.query)
        backend.reply(failure)
        backend.reply(frame)
        throw new Answered()
      case BACKEND.noticeResponse:
        break // of a statement that is none of the client's
      case BACKEND.notificationResponse:
      case BACKEND.parameterStatus:
        backend.reply(frame)
        break
      default:
        replies++
    }
  }
  return value
}

const isCancelled = (error: Frame): boolean =>
  readErrorFields(frameBody(error)).get('C')?.toString() === SQLSTATE.queryCanceled

function firstValue(row: Frame): string | undefined {
  const body = frameBody(row)
  const length = body.readInt32BE(2)
  return length < 0 ? undefined : body.toString('latin1', 6, 6 + length)
}
