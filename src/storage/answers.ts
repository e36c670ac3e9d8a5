import type { RequestContext } from './errors.ts'

type Operation = RequestContext['operation']

/** How a storage service has answered one request. */
export interface StorageAnswer {
  readonly operation: Operation
  /** HTTP's, or `none` where the request was given up without an answer. */
  readonly status: string
}

export type OnAnswer = (answer: StorageAnswer) => void

export const operationOf = (isListing: boolean, method: string): Operation =>
  isListing ? 'list' : method === 'PUT' ? 'upload' : 'download'

interface Request {
  readonly method: string
}
interface Answer {
  readonly status: number
}

/** Tells of each request of a client, each attempt on its own. */
export function answerPolicy(isListing: boolean, onAnswer: OnAnswer) {
  return {
    name: 'tellAnswers',
    async sendRequest<R extends Request, A extends Answer>(request: R, next: (request: R) => Promise<A>): Promise<A> {
      const operation = operationOf(isListing, request.method)
      try {
        const answer = await next(request)
        onAnswer({ operation, status: String(answer.status) })
        return answer
      } catch (error) {
        onAnswer({ operation, status: String((error as { readonly statusCode?: number }).statusCode ?? 'none') })
        throw error
      }
    },
  }
}
