import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity'
import { emulatedIdentity } from './emulated-identity.ts'

export const AZURE_CREDENTIALS = ['managed-identity', 'default', 'emulated'] as const

export interface IdentityOptions {
  /**
   * The machine's managed identity, the library's chain of environment, workload identity, Azure CLI and others, or one
   * that Azurite accepts.
   */
  readonly azureCredential?: (typeof AZURE_CREDENTIALS)[number]
  /** A user-assigned identity; without it, the system-assigned one. */
  readonly managedIdentityClientId?: string
}

/** No token was to be had; the message says why and holds no secret. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError'
}

const SCOPE = 'https://storage.azure.com/.default'
/** The identity endpoint is on this machine or beside it: one that refuses for a second or two is not there. */
const RETRIES = { maxRetries: 2, retryDelayInMs: 500, maxRetryDelayInMs: 2000 }
const TIME_LIMIT_MS = 15_000
/** A token is renewed early, while requests go on with the old one; in its last seconds they wait for the new one. */
const RENEW_BEFORE_MS = 300_000
const UNUSABLE_BEFORE_MS = 30_000
const RENEW_INTERVAL_MS = 30_000
const REASON_LIMIT = 1000

/** The identity that a proxy has at Azure: one token for all accounts and requests. */
export class ManagedIdentity implements TokenCredential {
  readonly #options: IdentityOptions
  readonly #timeLimitMs: number
  #credential: Promise<TokenCredential> | undefined
  #token: AccessToken | undefined
  #renewal: Promise<AccessToken> | undefined
  #renewAt = 0

  constructor(options: IdentityOptions, timeLimitMs = TIME_LIMIT_MS) {
    this.#options = options
    this.#timeLimitMs = timeLimitMs
  }

  /**
   * The scope is always storage's, whatever a service's challenge asks for. The token is handed out as expired, so that
   * the SDK asks here before each request: a token that it kept it would renew in the background, where a failure is an
   * unhandled rejection and ends the process.
   *
   * @throws IdentityError
   */
  async getToken(_scopes: string | string[], { abortSignal }: GetTokenOptions = {}): Promise<AccessToken> {
    const { token } = await untilAborted(this.#current(), abortSignal)
    return { token, expiresOnTimestamp: 0 }
  }

  async #current(): Promise<AccessToken> {
    const token = this.#token
    const now = Date.now()
    if (token === undefined || token.expiresOnTimestamp - UNUSABLE_BEFORE_MS < now) return this.#renew()
    if (this.#renewAt < now) this.#renew().catch(() => {}) // there is time to try again
    return token
  }

  #renew(): Promise<AccessToken> {
    this.#renewal ??= this.#request().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  async #request(): Promise<AccessToken> {
    this.#renewAt = Date.now() + RENEW_INTERVAL_MS
    try {
      // The library has no time limit of its own, and an address without anybody there may just stay silent.
      const token = await within(this.#timeLimitMs, this.#ask())
      if (token === null) throw new Error('the identity has no token')
      const renewAt = token.refreshAfterTimestamp ?? token.expiresOnTimestamp - RENEW_BEFORE_MS
      this.#renewAt = Math.max(renewAt, this.#renewAt)
      this.#token = token
      return token
    } catch (error) {
      throw new IdentityError(`no token: ${reasonOf(error)}`)
    }
  }

  async #ask(): Promise<AccessToken | null> {
    this.#credential ??= createCredential(this.#options)
    return (await this.#credential).getToken(SCOPE)
  }
}

/** Loaded when it is needed: the library is large, and few need it. */
async function createCredential(options: IdentityOptions): Promise<TokenCredential> {
  if (options.azureCredential === 'emulated') return emulatedIdentity
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity')
  const { azureCredential = 'managed-identity', managedIdentityClientId: clientId } = options
  if (azureCredential === 'default') {
    return new DefaultAzureCredential({
      retryOptions: RETRIES,
      ...(clientId !== undefined && { managedIdentityClientId: clientId }),
    })
  }
  return new ManagedIdentityCredential({ retryOptions: RETRIES, ...(clientId !== undefined && { clientId }) })
}

/** One line; what might be (a piece of) a token in an answer that was not understood is left out. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const line = message.replace(/\s+/g, ' ').replace(/[\w+/=-]*eyJ[\w.+/=-]*/g, '(hidden)')
  return line.slice(0, REASON_LIMIT).replace(/[.\s]+$/, '')
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${Math.round(limitMs / 1000)} seconds`)), limitMs)
  })
  try {
    return await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
  }
}

/** Leaves a wait that others share, without ending it for them. */
async function untilAborted<T>(work: Promise<T>, signal: GetTokenOptions['abortSignal']): Promise<T> {
  if (signal === undefined) return work
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(new DOMException('the request was aborted', 'AbortError'))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
