import { clientLost } from '../operations/calls.ts'
import { BACKEND, HEADER_LENGTH } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { type ErrorFields, errorResponse, readErrorFields } from '../protocol/messages.ts'
import type { Wire } from '../session/wire.ts'
import type { Step } from './script.ts'
import type { ScriptContext, ScriptRun, StepHandler } from './script-run.ts'
import { handleStep } from './step-handlers.ts'

const PASS: Step = { kind: 'pass' }

/** Sees a script through: takes each reply of the backend for the step it belongs to, passes on what is the client's. */
export async function runScript(wire: Wire, steps: readonly Step[], context: ScriptContext): Promise<void> {
  const run: ScriptRun = { wire, context }
  let index = 0
  let handler = handleStep(steps[0] ?? PASS, run)
  try {
    for (let replies = 0; context.replies === undefined || replies < context.replies; ) {
      const frame = await nextReply(run)
      switch (frame.code) {
        case BACKEND.readyForQuery:
          wire.reply(frame)
          return
        case BACKEND.errorResponse:
          await fail(run, handler, frame)
          if (context.replies !== undefined) return
          index = steps.length
          handler = handleStep(PASS, run)
          break
        case BACKEND.parseComplete:
        case BACKEND.bindComplete:
        case BACKEND.closeComplete:
          replies++
          break
        case BACKEND.commandComplete:
        case BACKEND.emptyQueryResponse:
        case BACKEND.portalSuspended:
          replies++
          await handler.complete(frame)
          handler = handleStep(steps[++index] ?? PASS, run)
          break
        default:
          await handler.take(frame)
      }
    }
  } finally {
    await run.transfer?.stop()
    run.account?.failed(clientLost())
  }
}

/** The backend's next message, unless a commit breaks in a way that no reply of the backend would tell. */
function nextReply({ wire, commit }: ScriptRun): Promise<Frame> {
  if (commit === undefined) return wire.next()
  return new Promise((resolve, reject) => {
    wire.next().then(resolve, reject)
    commit.done.catch(reject)
  })
}

async function fail(run: ScriptRun, handler: StepHandler, frame: Frame): Promise<void> {
  await run.transfer?.stop()
  const bytes = await describeError(run, handler, frame)
  run.account?.failedWith(readErrorFields(bytes.subarray(HEADER_LENGTH)).get('C')?.toString())
  delete run.transfer
  delete run.commit
  run.wire.reply({ code: frame.code, bytes })
}

/** The error as the client is to get it. */
async function describeError({ context }: ScriptRun, handler: StepHandler, frame: Frame): Promise<Buffer> {
  const fields = readErrorFields(frameBody(frame))
  const better = handler.replaceError(fields)
  const place = handler.placeOf?.(fields)
  if (better !== undefined) {
    // Where it came is the backend's own to say, in the client's encoding already.
    const where = better.get('W') === fields.get('W') ? better.get('W') : undefined
    const encoded = await context.encodeError(better)
    if (where !== undefined) encoded.set('W', where)
    return errorResponse(await withPlace(encoded, place, context))
  }
  if (fields.has('P')) {
    // Also where the first step is ours: the whole text did not parse.
    context.mapPosition(fields)
  } else if (handler.isOurs) {
    for (const internal of ['W', 'p', 'q']) fields.delete(internal)
  } else if (place === undefined) {
    return frame.bytes
  }
  return errorResponse(await withPlace(fields, place, context))
}

/** The last line of the context, as the innermost that there is. */
async function withPlace(
  fields: ErrorFields,
  place: string | undefined,
  { encodeError }: ScriptContext,
): Promise<ErrorFields> {
  if (place === undefined) return fields
  const encoded = await encodeError(new Map([['W', Buffer.from(place)]]))
  const lines = [fields.get('W'), Buffer.from('\n'), encoded.get('W')].flatMap(line => line ?? [])
  return fields.set('W', Buffer.concat(lines))
}
