import { BlobServiceClient } from '@azure/storage-blob'
import { anonymous } from '../credentials/credential.ts'
import { pipelineFor } from './blob-client.ts'
import { endpointFor, type StorageEndpoints } from './endpoints.ts'

/** How an endpoint could not be reached: the system's or TLS's code, and words. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  readonly code: string | undefined

  constructor(message: string, code: string | undefined) {
    super(message)
    this.code = code
  }
}

/**
 * Asks an account's endpoint for anything, without a credential: that it refuses is an answer, too. Resolves to its time.
 * @throws UnreachableError where there is no answer
 */
export async function probe(endpoints: StorageEndpoints, account: string, abortSignal: AbortSignal): Promise<number> {
  const url = endpointFor(endpoints, account)
  const client = new BlobServiceClient(url, pipelineFor(endpoints, url, account, anonymous))
  try {
    await client.getProperties({ abortSignal })
    return Number.NaN
  } catch (error) {
    const { response, message, code } = error as {
      readonly response?: { readonly headers: { get(name: string): string | undefined } }
      readonly message: string
      readonly code?: string
    }
    if (response === undefined) throw new UnreachableError(message, code)
    return Date.parse(response.headers.get('date') ?? '')
  }
}
