import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { RestError } from '@azure/storage-blob'
import { operationOf } from './answers.ts'
import type { RequestContext } from './errors.ts'
import type { Fault, TakeFault } from './faults.ts'

type Operation = RequestContext['operation']

/** What is read of the SDK's request, and read and changed of its answer. */
interface Request {
  readonly method: string
  readonly abortSignal?: AbortSignal
}
interface Answer {
  readonly headers: { get(name: string): string | undefined }
  readableStreamBody?: NodeJS.ReadableStream
}

/** How the service refuses (https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes). */
const REFUSALS = {
  denied: () => [403, 'AuthorizationPermissionMismatch'],
  unavailable: () => [503, 'ServerBusy'],
  not_found: operation => [404, operation === 'download' ? 'BlobNotFound' : 'ContainerNotFound'],
  leased: () => [412, 'LeaseIdMissing'],
} satisfies Partial<Record<Fault, (operation: Operation) => [status: number, code: string]>>

/**
 * Has the requests of a client fail where `take` says so. It is asked once, at the first of them: so a fault is that of a
 * whole upload, listing or reading, whatever number of requests that takes. Nothing is tried again, so what users see is what
 * is left when the SDK has given up, only sooner.
 */
export function faultPolicy(isListing: boolean, take: (operation: Operation) => ReturnType<TakeFault>) {
  let fault: Promise<Fault | undefined> | undefined
  let answers = 0
  return {
    name: 'injectedFaults',
    async sendRequest<R extends Request, A extends Answer>(request: R, next: (request: R) => Promise<A>): Promise<A> {
      const operation = operationOf(isListing, request.method)
      fault ??= Promise.resolve(take(operation))
      const taken = await fault
      switch (taken) {
        case undefined:
          return next(request)
        case 'slow':
          return silence(request.abortSignal)
        case 'truncated': {
          if (operation !== 'download') throw new RestError('cut off', { code: 'PARSE_ERROR' })
          const answer = await next(request)
          // What is asked for behind the half of the first answer does not come.
          answer.readableStreamBody = cutOff(answer, answers++ === 0 ? 0.5 : 0)
          return answer
        }
        default:
          throw refusal(request, ...REFUSALS[taken](operation))
      }
    },
  }
}

function refusal(request: Request, statusCode: number, code: string): RestError {
  const headers = new Map([
    ['x-ms-error-code', code],
    ['x-ms-request-id', randomUUID()],
  ])
  return Object.assign(new RestError(code, { code, statusCode }), { response: { request, headers } })
}

/** Until whoever waits gives up. */
function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal?.reason)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}

function cutOff({ headers, readableStreamBody }: Answer, share: number): Readable {
  const body = readableStreamBody as Readable
  const length = Math.floor(Number(headers.get('content-length')) * share)
  const part = Readable.from(firstBytes(body, length), { objectMode: false })
  part.on('close', () => body.on('error', () => {}).destroy())
  return part
}

async function* firstBytes(body: Readable, length: number): AsyncGenerator<Buffer> {
  let left = length
  if (left === 0) return
  for await (const chunk of body as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}
