import { BACKEND } from '../protocol/codes.ts'
import { errorFields } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Step } from './script.ts'
import type { ScriptRun, StepHandler } from './script-run.ts'

/** Its row says how to reach the blob. */
export function openCopy(step: Step & { kind: 'open' }, run: ScriptRun): StepHandler {
  return {
    isOurs: true,
    async take(frame) {
      if (frame.code === BACKEND.dataRow) run.opened = await run.context.openCopy(step, frame)
      else if (frame.code !== BACKEND.rowDescription && frame.code !== BACKEND.noticeResponse) run.wire.reply(frame)
    },
    complete: () => {},
    replaceError(fields) {
      const code = fields.get('C')?.toString()
      const isMissing = code === SQLSTATE.invalidSchemaName || code === SQLSTATE.undefinedFunction
      return isMissing ? errorFields(notInstalled()) : undefined
    },
  }
}

function notInstalled(): PgError {
  return new PgError({
    message: 'azure_storage: the extension is not installed in this database',
    code: SQLSTATE.undefinedObject,
    hint: 'Use CREATE EXTENSION azure_storage',
  })
}
