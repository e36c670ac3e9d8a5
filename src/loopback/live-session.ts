import type { LiveSession, SessionFacts } from '../activity/sessions.ts'
import type { ToldErrors } from '../activity/told-errors.ts'
import type { Calls } from '../operations/calls.ts'
import { notice } from '../protocol/messages.ts'
import type { Session } from '../session/session.ts'

/** A session, with the functions that it calls, as whoever shows it sees it. */
export function liveSession(facts: SessionFacts, session: Session, errors: ToldErrors, calls: Calls): LiveSession {
  return {
    facts,
    errors,
    get pid() {
      return session.backendPid
    },
    get state() {
      return session.state
    },
    async cancel() {
      calls.willCancel(session.backendPid)
      await session.cancelBackend()
      calls.cancel(session.backendPid)
      session.cancelled()
    },
    notify: text => session.notify(notice(text)),
  }
}
