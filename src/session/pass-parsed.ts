import { BACKEND } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import type { Session } from './session.ts'

/** Passes on the replies to a Parse, an error as `describe` tells it: was it accepted? */
export async function passParsed(session: Session, describe: (error: Frame) => Buffer): Promise<boolean> {
  for (;;) {
    const frame = await session.next()
    const isError = frame.code === BACKEND.errorResponse
    session.reply(isError ? { code: frame.code, bytes: describe(frame) } : frame)
    if (isError) return false
    if (frame.code === BACKEND.parseComplete) return true
  }
}
