import { serialize } from 'pg-protocol'
import { BACKEND } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { readErrorFields } from '../protocol/messages.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'

/** What the backend has answered to messages of ours, up to a Sync. */
export interface Answer {
  readonly rows: readonly Frame[]
  readonly description: Frame | undefined
  readonly error: Frame | undefined
  /** ReadyForQuery. */
  readonly ready: Frame
}

/** Messages of ours, and a Sync: the client sees nothing of it. */
export async function exchange(backend: BorrowedBackend, messages: readonly Buffer[]): Promise<Answer> {
  backend.send(Buffer.concat([...messages, serialize.sync()]))
  const rows: Frame[] = []
  let description: Frame | undefined
  let error: Frame | undefined
  for (;;) {
    const frame = await backend.next()
    switch (frame.code) {
      case BACKEND.dataRow:
        rows.push(frame)
        break
      case BACKEND.rowDescription:
        description = frame
        break
      case BACKEND.errorResponse:
        if (endsSession(frame)) backend.reply(frame)
        error = frame
        break
      case BACKEND.notificationResponse:
      case BACKEND.parameterStatus:
        backend.reply(frame)
        break
      case BACKEND.readyForQuery:
        return { rows, description, error, ready: frame }
    }
  }
}

/** FATAL or PANIC: nothing comes behind it. */
export const endsSession = (error: Frame): boolean => readErrorFields(frameBody(error)).get('V')?.toString() !== 'ERROR'

/** Messages of ours within the client's pipeline, which have so many closing replies. Returns the error that comes instead. */
export async function exchangeInPipeline(
  backend: BorrowedBackend,
  messages: readonly Buffer[],
  replies: number,
): Promise<Frame | undefined> {
  backend.send(Buffer.concat([...messages, serialize.flush()]))
  for (let left = replies; left > 0; ) {
    const frame = await backend.next()
    if (frame.code === BACKEND.errorResponse) return frame
    if (CLOSING.includes(frame.code)) left--
    else if (frame.code === BACKEND.notificationResponse || frame.code === BACKEND.parameterStatus) backend.reply(frame)
  }
  return undefined
}

const CLOSING: readonly number[] = [
  BACKEND.parseComplete,
  BACKEND.bindComplete,
  BACKEND.closeComplete,
  BACKEND.commandComplete,
]
