import { BACKEND } from '../protocol/codes.ts'
import { frameBody } from '../protocol/frame-assembler.ts'
import { commandComplete, readErrorFields } from '../protocol/messages.ts'
import type { ScriptRun, StepHandler } from './script-run.ts'

/** As azure_storage_private.copy_in_server() says it, at the end. */
const COPIED = /^azure_storage: copied (\d+)$/

/** The client's COPY FROM 'https://…' that the server's functions run, as in a function of the client's. */
export function copyInServer({ wire }: ScriptRun): StepHandler {
  let rows = '0'
  return {
    isOurs: true,
    take(frame) {
      const fields = frame.code === BACKEND.noticeResponse ? readErrorFields(frameBody(frame)) : undefined
      const copied = fields?.get('V')?.toString() === 'INFO' && COPIED.exec(fields.get('M')?.toString('latin1') ?? '')
      if (copied) rows = copied[1] as string
      else wire.reply(frame)
    },
    complete: frame => wire.reply({ code: frame.code, bytes: commandComplete(`COPY ${rows}`) }),
    replaceError: () => undefined,
  }
}
