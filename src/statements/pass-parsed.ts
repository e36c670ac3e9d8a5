import { BACKEND } from '../protocol/codes.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import type { Wire } from '../session/wire.ts'

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
