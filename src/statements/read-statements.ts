import { queryCanceled } from '../protocol/pg-error.ts'
import type { Session } from '../session/session.ts'
import { classify, refuseText, type Statement, tooComplex } from '../sql/classify.ts'
import type { ReadRequest } from '../sql/reader-lane.ts'
import { mayHoldCredential } from '../sql/scan.ts'
import { isSmall, type TextReader } from '../sql/text-reader.ts'

/** What is needed of a Session. */
export type ReadingSession = Pick<Session, 'signal' | 'onCancel' | 'log'>

/**
 * The statements of a query text, as classify() has them. While it is read the client may cancel it: then it fails as its
 * first statement would. One that takes too long passes unread, unless it may hold a credential.
 */
export async function readStatements(
  session: ReadingSession,
  reader: TextReader,
  request: Omit<ReadRequest, 'signal'>,
): Promise<Statement[] | undefined> {
  const { text, settings } = request
  if (isSmall(text)) return classify(text, settings)
  const stop = new AbortController()
  const lost = (): void => stop.abort(session.signal.reason)
  session.signal.addEventListener('abort', lost, { once: true })
  session.onCancel(() => stop.abort(queryCanceled('user request')))
  try {
    return await reader.read({ ...request, signal: stop.signal })
  } catch (error) {
    if (session.signal.aborted) throw session.signal.reason
    if (stop.signal.aborted) return refuseText(text, queryCanceled('user request'))
    const isPassed = !mayHoldCredential(text)
    session.log.warn({ err: error, isPassed }, 'a query text could not be read')
    return isPassed ? undefined : refuseText(text, tooComplex('It could not be read in time.'))
  } finally {
    session.signal.removeEventListener('abort', lost)
    session.onCancel(undefined)
  }
}
