import { BACKEND } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import { parse } from '../protocol/messages.ts'
import type { Wire } from '../session/wire.ts'

/** In the place of a Parse whose text is refused unread: its own does not parse either, and gives nothing away. */
export const unreadParse = (name: Buffer): Buffer => parse(name, 'azure_storage', Buffer.alloc(2))

/** Passes on the replies to a Parse, an error as `describe` tells it: was it accepted? */
export async function passParsed(backend: Wire, describe: (error: Frame) => Buffer): Promise<boolean> {
  for (;;) {
    const frame = await backend.next()
    const isError = frame.code === BACKEND.errorResponse
    backend.reply(isError ? { code: frame.code, bytes: describe(frame) } : frame)
    if (isError) return false
    if (frame.code === BACKEND.parseComplete) return true
  }
}
