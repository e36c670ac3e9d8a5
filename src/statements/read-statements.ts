import type { Conversions } from '../backend/conversions.ts'
import { asPgError, queryCanceled } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { Session } from '../session/session.ts'
import { classify, refuseText, type Statement, tooComplex } from '../sql/classify.ts'
import type { DecodedTexts } from '../sql/encoding.ts'
import type { ReadRequest } from '../sql/reader-lane.ts'
import { mayHoldCredential } from '../sql/scan.ts'
import { isSmall, type TextReader } from '../sql/text-reader.ts'

/** What is needed of a Session. */
export type ReadingSession = Pick<Session, 'signal' | 'onCancel' | 'log' | 'parameters'>

export interface TextOfClient {
  readonly text: string
  /** Whose it is. */
  readonly client: string
  /** The backend may skip it, or run it unseen: then it matters only for what must not be shown to it. */
  readonly willRun: boolean
}

/**
 * The statements of a query text, as classify() has them: read once more, where the server had to decode what they hold.
 * Undefined: nothing of ours.
 */
export async function readStatements(
  session: ReadingSession,
  {
    texts,
    conversions,
    config,
    serverMajorVersion,
  }: Pick<Services, 'texts' | 'conversions' | 'config' | 'serverMajorVersion'>,
  { text, client, willRun }: TextOfClient,
): Promise<Statement[] | undefined> {
  if (!willRun && !mayHoldCredential(text)) return undefined
  const settings = {
    encoding: session.parameters.get('client_encoding') ?? 'UTF8',
    standardConformingStrings: session.parameters.get('standard_conforming_strings') !== 'off',
    endpoints: config.storageEndpoints,
    strictAzure: config.strictAzure === true,
    extras: config.extras === true,
    serverMajorVersion,
  }
  const request = { text, settings, client }
  const statements = await read(session, texts, request)
  const undecoded = statements?.flatMap(each => (each.kind === 'refuse' && each.undecoded ? [each.undecoded] : []))
  if (undecoded === undefined || undecoded.length === 0) return statements
  const decoded = await decodeAll(undecoded, request.settings.encoding, conversions)
  return await read(session, texts, { ...request, settings: { ...request.settings, decoded } })
}

async function decodeAll(texts: readonly string[], encoding: string, conversions: Conversions): Promise<DecodedTexts> {
  const decoded = texts.map(async text => {
    const result = await conversions.decode(Buffer.from(text, 'latin1'), encoding).catch(error => {
      const { message, code, detail } = asPgError(error)
      return { message, code, detail }
    })
    return [text, result] as const
  })
  return new Map(await Promise.all(decoded))
}

/**
 * While it is read the client may cancel it: then it fails as its first statement would. One that takes too long passes
 * unread, unless it may hold a credential.
 */
async function read(
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
